import BridgeProtocol
import CLinux
import Sensing
import TrackingPipeline

/// Puts events and annotations into the queues of the subscriptions that want them.
///
/// Belongs to the server's thread.
struct EventDistributor {
  let events: EventRing<TrackingEvent>
  let latency: LatencyHistogram
  let onControl: @Sendable (TrackingEvent) -> Void
  let onDeviceEvent: @Sendable (TrackingEvent) -> Void
  /// Losses of the event ring that subscriptions were notified of.
  private var knownLosses: UInt64 = 0

  /// Events handled per turn, so that requests do not wait behind a full ring.
  private static let budget = 4096

  init(
    events: EventRing<TrackingEvent>, latency: LatencyHistogram,
    onControl: @escaping @Sendable (TrackingEvent) -> Void,
    onDeviceEvent: @escaping @Sendable (TrackingEvent) -> Void
  ) {
    self.events = events
    self.latency = latency
    self.onControl = onControl
    self.onDeviceEvent = onDeviceEvent
  }

  mutating func distributeEvents(to clients: [ClientConnection]) {
    countLosses(for: clients)
    var budget = Self.budget
    while budget > 0, let event = events.pop() {
      budget -= 1
      switch event.kind {
      case .pose:
        latency.record(nanoseconds: linux_monotonic_ns() - event.state.received)
        enqueue(.poses, event, to: clients) { $0.enqueue(pose: event) }
      case .control:
        onControl(event)
        enqueue(.controls, event, to: clients) { $0.enqueue(control: event) }
      case .battery, .degraded, .recovered, .limitation, .streaming, .wrongMode, .linkUp, .linkDown, .ended,
        .gap:
        onDeviceEvent(event)
      }
    }
  }

  /// Events that the ring dropped are missing from every queue of poses.
  private mutating func countLosses(for clients: [ClientConnection]) {
    let lost = events.dropped
    guard lost > knownLosses else { return }
    let poses = Vrbridge_V1_Stream.poses.rawValue
    for client in clients {
      for index in client.subscriptions.indices where client.subscriptions[index].streams.contains(poses) {
        client.subscriptions[index].droppedPoses += lost - knownLosses
      }
    }
    knownLosses = lost
  }

  private func enqueue(
    _ stream: Vrbridge_V1_Stream, _ event: TrackingEvent, to clients: [ClientConnection],
    _ add: (inout ClientConnection.Subscription) -> Void
  ) {
    let stream = stream.rawValue
    for client in clients {
      for index in client.subscriptions.indices
      where client.subscriptions[index].streams.contains(stream)
        && client.subscriptions[index].wants(event)
      {
        add(&client.subscriptions[index])
      }
    }
  }

  func distribute(_ annotations: [Annotation], to clients: [ClientConnection]) {
    for annotation in annotations {
      let streams = annotation.kind.audience.map { Self.stream(of: $0).rawValue }
      let message = Vrbridge_V1_Annotation(annotation)
      for client in clients {
        for index in client.subscriptions.indices
        where !client.subscriptions[index].streams.isDisjoint(with: streams) {
          client.subscriptions[index].enqueue(message)
        }
      }
    }
  }

  /// The stream that carries annotations of a scope; a subscription to it requires the scope.
  private static func stream(of scope: PrivacyScope) -> Vrbridge_V1_Stream {
    switch scope {
    case .camera: .annotations
    case .microphone: .speech
    }
  }
}

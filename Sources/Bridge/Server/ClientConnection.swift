import Admission
import Authorisation
import BridgeProtocol
import CLinux
import DequeModule
import Glibc
import Sensing
import SwiftProtobuf
import TrackingPipeline

/// One client of the socket server: its rights, its subscriptions with their queues, and its output.
///
/// Belongs to the server's thread. Memory is bounded: input by the frame limit, output by the queues of the
/// subscriptions and `maximumOutput`.
final class ClientConnection {
  struct Subscription {
    var id: UInt32
    var streams: Set<Int>
    var devices: Set<UInt32>
    var roles: Set<UInt8>
    /// Nanoseconds between poses of one device; 0 for all.
    var interval: Int64
    var isLatestOnly: Bool
    var depth: Int
    var poses: Deque<TrackingEvent> = []
    var controls: Deque<TrackingEvent> = []
    var annotations: Deque<Vrbridge_V1_Annotation> = []
    var droppedPoses: UInt64 = 0
    var droppedControls: UInt64 = 0
    var droppedAnnotations: UInt64 = 0
    var nextDue: [UInt32: Int64] = [:]

    func wants(_ event: TrackingEvent) -> Bool {
      (devices.isEmpty && roles.isEmpty) || devices.contains(event.device) || roles.contains(event.role)
    }

    mutating func enqueue(pose event: TrackingEvent) {
      if interval > 0 {
        // Due times advance by the interval, so that the mean rate holds whatever the device's own; a pose that is a
        // little early is taken, or jitter would halve the rate.
        let due = nextDue[event.device] ?? event.state.captured
        if event.state.captured < due - interval / 8 { return }
        nextDue[event.device] = max(due, event.state.captured - interval) + interval
      }
      if isLatestOnly, let index = poses.firstIndex(where: { $0.device == event.device }) {
        poses[index] = event
        droppedPoses += 1
      } else {
        if poses.count >= depth {
          poses.removeFirst()
          droppedPoses += 1
        }
        poses.append(event)
      }
    }

    /// Replaces an annotation with the same id, else appends; drops the oldest from a full queue.
    mutating func enqueue(_ annotation: Vrbridge_V1_Annotation) {
      if let index = annotations.firstIndex(where: { $0.id == annotation.id }) {
        annotations[index] = annotation
        droppedAnnotations += 1
        return
      }
      if annotations.count >= ClientConnection.maximumAnnotations {
        annotations.removeFirst()
        droppedAnnotations += 1
      }
      annotations.append(annotation)
    }

    mutating func enqueue(control event: TrackingEvent) {
      if controls.count >= depth {
        controls.removeFirst()
        droppedControls += 1
      }
      controls.append(event)
    }
  }

  /// Bytes of replies and events; more means that the client does not read.
  static let maximumOutput = 1 << 18
  static let maximumSubscriptions = 16
  /// Poses in all queues together: about 4 MB.
  static let maximumDepth = 16_384
  /// Annotations in one subscription's queue.
  static let maximumAnnotations = 256
  /// Annotations in one frame.
  static let annotationBatch = 32
  /// Poses in one frame.
  static let batch = 256

  let fileDescriptor: Int32
  let token: UInt64
  let user: UInt32
  let process: UInt32
  let rights: Rights
  let connectedAt: Int64
  /// Keeps the connection counted.
  var ticket: AdmissionControl.Ticket?
  /// When a frame began that is not complete; nil for none.
  var partialSince: Int64?
  var name = ""
  var isGreeted = false
  /// Whether it reads the slots of the pose page that revision 1 added.
  var readsAllSlots = false
  var isClosing = false
  var reader = FrameReader(limit: Framing.maximumRequestLength)
  /// Whether received frames wait for the next turn.
  var hasBacklog = false
  var subscriptions: [Subscription] = []
  var nextSubscription: UInt32 = 1
  private var output: [UInt8] = []
  private var outputStart = 0
  /// Descriptor to pass with the output byte at this position.
  private var passed: (descriptor: Int32, position: Int)?
  /// The descriptor that came last, for the request that it belongs to.
  private var passedIn: PassedDescriptor?
  /// Memory with frames that the client shares.
  var frameRings = ClientFrameRings()
  /// Replies under way in tasks.
  var awaited = 0
  var wantsWritable = false
  /// When output began to wait because the client does not read.
  private(set) var stalledSince: Int64?

  init(
    fileDescriptor: Int32, token: UInt64, user: UInt32, process: UInt32, rights: Rights, now: Int64
  ) {
    self.fileDescriptor = fileDescriptor
    self.token = token
    self.user = user
    self.process = process
    self.rights = rights
    connectedAt = now
  }

  /// Whether requests of this client can carry a descriptor, for frames that it shares.
  var canPassDescriptors = false

  /// Reads what has come, at most 16 KiB, and keeps the descriptor that came with it for its request.
  ///
  /// - Returns: the bytes read, 0 at the end, or a negative errno; and whether descriptors came that this client may not
  ///   pass, or a second one before a request took the first. Surplus descriptors are closed, or never installed.
  func receive() -> (count: Int, hasSurplusDescriptors: Bool) {
    var (descriptor, surplus): (Int32, Int32) = (-1, 0)
    let count = withUnsafeTemporaryAllocation(byteCount: 16_384, alignment: 16) { buffer -> Int in
      let count =
        canPassDescriptors
        ? linux_receive(fileDescriptor, buffer.baseAddress, buffer.count, &descriptor, &surplus)
        : linux_receive_bytes(fileDescriptor, buffer.baseAddress, buffer.count, &surplus)
      if count > 0 { reader.append(UnsafeRawBufferPointer(rebasing: buffer[0..<count])) }
      return count
    }
    guard descriptor >= 0 else { return (count, surplus != 0) }
    let isSecond = passedIn != nil || PassedDescriptor.areTooMany
    passedIn = PassedDescriptor(descriptor)
    return (count, surplus != 0 || isSecond)
  }

  /// Returns the descriptor that came with a request; nil without one.
  func takePassed() -> PassedDescriptor? {
    defer { passedIn = nil }
    return passedIn
  }

  var pendingOutput: Int { output.count - outputStart }
  var hasQueued: Bool {
    subscriptions.contains { !$0.poses.isEmpty || !$0.controls.isEmpty || !$0.annotations.isEmpty }
  }

  /// Appends a frame to the output.
  ///
  /// - Returns: false when too much output is unread.
  func send(_ frame: ServerFrame, passing descriptor: Int32 = -1) -> Bool {
    guard pendingOutput < Self.maximumOutput else { return false }
    if descriptor >= 0 {
      guard passed == nil else { return false }
      passed = (descriptor, output.count)
    }
    do { try Framing.append(frame, to: &output) } catch { return false }
    return true
  }

  enum FlushResult { case done, blocked, broken }

  /// Writes the output. Queued poses and controls become frames only when the socket takes them, so that a slow client
  /// gets recent ones.
  func flush(now: Int64) -> FlushResult {
    while true {
      while outputStart < output.count {
        var end = output.count
        var descriptor: Int32 = -1
        if let passed {
          if passed.position == outputStart { descriptor = passed.descriptor } else { end = passed.position }
        }
        let sent = output.withUnsafeBytes { bytes in
          linux_send(
            fileDescriptor, bytes.baseAddress?.advanced(by: outputStart), end - outputStart, descriptor)
        }
        if sent == -Int(EAGAIN) {
          stalledSince = stalledSince ?? now
          return .blocked
        }
        guard sent > 0 else { return .broken }
        if descriptor >= 0 { passed = nil }
        outputStart += sent
        stalledSince = nil
      }
      output.removeAll(keepingCapacity: output.capacity <= Self.maximumOutput)
      outputStart = 0
      guard fillFromQueues() else { return .done }
    }
  }

  private func fillFromQueues() -> Bool {
    var filled = false
    for index in subscriptions.indices {
      if !subscriptions[index].poses.isEmpty {
        var batch = Vrbridge_V1_PoseBatch()
        batch.subscriptionID = subscriptions[index].id
        batch.dropped = subscriptions[index].droppedPoses
        let taken = subscriptions[index].poses.prefix(Self.batch)
        batch.poses = taken.map { event in
          Vrbridge_V1_Pose(
            event.state.state, device: DeviceID(event.device), role: DeviceRole(rawValue: event.role) ?? .none
          )
        }
        subscriptions[index].poses.removeFirst(taken.count)
        subscriptions[index].droppedPoses = 0
        filled = send(.with { $0.poses = batch }) || filled
      }
      if !subscriptions[index].controls.isEmpty {
        var batch = Vrbridge_V1_ControlBatch()
        batch.subscriptionID = subscriptions[index].id
        batch.dropped = subscriptions[index].droppedControls
        let taken = subscriptions[index].controls.prefix(Self.batch)
        batch.changes = taken.map { event in
          .with {
            $0.deviceID = event.device
            $0.control = UInt32(truncatingIfNeeded: event.control)
            $0.value = event.value
            $0.timeNs = event.time
          }
        }
        subscriptions[index].controls.removeFirst(taken.count)
        subscriptions[index].droppedControls = 0
        filled = send(.with { $0.controls = batch }) || filled
      }
      if !subscriptions[index].annotations.isEmpty {
        var batch = Vrbridge_V1_AnnotationBatch()
        batch.subscriptionID = subscriptions[index].id
        batch.dropped = subscriptions[index].droppedAnnotations
        let taken = subscriptions[index].annotations.prefix(Self.annotationBatch)
        batch.annotations = Array(taken)
        subscriptions[index].annotations.removeFirst(taken.count)
        subscriptions[index].droppedAnnotations = 0
        filled = send(.with { $0.annotations = batch }) || filled
      }
    }
    return filled
  }
}

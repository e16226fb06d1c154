import BridgeClient
import BridgeProtocol
import CLinux
import Foundation
import Sensing
import Spatial
import Synchronization

/// Latencies between devices and a renderer through a running bridge, from the stamps of poses and annotations that a
/// client receives.
package struct LatencyMeasurement {
  /// A stage of the path with its times in milliseconds.
  package struct Stage: Sendable {
    package let name: String
    package fileprivate(set) var times: [Double] = []
  }

  package let server: String
  /// Device → stages of its poses.
  package let poses: [(device: String, stages: [Stage])]
  /// Kind of annotation → stages.
  package let annotations: [(kind: String, stages: [Stage])]

  /// Measures for some seconds.
  ///
  /// - Parameter socket: path of the bridge's socket; nil for the usual ones.
  package init(socket: String?, seconds: Double) throws {
    let connection = try BridgeConnection(path: socket, clientName: "vrbridge bench")
    let devices = try connection.devices()
    let page = try PosePageReader(path: socket)
    let connected = devices.filter(\.isConnected)
    guard !connected.isEmpty else {
      throw EvaluationError(
        "no-device",
        "the bridge has no device; start one with 'vrbridge run --demo' to measure without a headset")
    }
    let viaSocket = Mutex<[UInt32: [Double]]>([:])
    let received = Mutex<[String: [Stage]]>([:])
    var subscription = BridgeClient.Subscription(streams: [.poses], policy: .dropOldest, depth: 8192)
    subscription.optionalStreams = [.annotations, .speech]
    let client = BridgeClient(path: socket, name: "vrbridge bench", subscription: subscription) { event in
      let now = linux_monotonic_ns()
      switch event {
      case .poses(let poses, _):
        viaSocket.withLock { list in
          for pose in poses { list[pose.deviceID, default: []].append(Double(now - pose.receivedNs) * 1e-6) }
        }
      case .annotations(let annotations, _):
        for annotation in annotations where annotation.hasRegion && !annotation.ended {
          received.withLock { Self.add(annotation, now, to: &$0) }
        }
      default: break
      }
    }
    client.start()
    let (inPage, clocks) = Self.poll(page, connected, seconds: seconds)
    client.stop()
    server = "\(connection.welcome.server), \(connected.count) devices"
    poses = connected.map { device in
      (
        "\(device.role.name) (\(device.name))",
        [
          Stage(name: "sample to read: device, bus, kernel", times: clocks[device.id.number] ?? []),
          Stage(
            name: "read to pose page: decode, fuse, publish, poll", times: inPage[device.id.number] ?? []),
          Stage(
            name: "read to a client of the socket",
            times: viaSocket.withLock { $0[device.id.number] ?? [] }),
        ]
      )
    }
    annotations = received.withLock { $0 }.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  /// Polls the page: device → delays from read to page, and from capture to read.
  private static func poll(
    _ page: PosePageReader, _ devices: [DeviceStatus], seconds: Double
  ) -> (inPage: [UInt32: [Double]], clocks: [UInt32: [Double]]) {
    var inPage: [UInt32: [Double]] = [:]
    var clocks: [UInt32: [Double]] = [:]
    var last: [UInt32: Int64] = [:]
    let end = linux_monotonic_ns() + Int64(seconds * 1e9)
    while linux_monotonic_ns() < end {
      for device in devices {
        guard let state = page.newest(slot: device.pageIndex) else { continue }
        let now = linux_monotonic_ns()
        if let before = last[device.id.number], before != state.received.nanoseconds {
          inPage[device.id.number, default: []].append(Double(now - state.received.nanoseconds) * 1e-6)
          clocks[device.id.number, default: []].append(
            Double(state.received.nanoseconds - state.captured.nanoseconds) * 1e-6)
        }
        last[device.id.number] = state.received.nanoseconds
      }
      // Short against the delays that are measured.
      usleep(20)
    }
    return (inPage, clocks)
  }

  private static func add(
    _ annotation: Vrbridge_V1_Annotation, _ now: Int64, to list: inout [String: [Stage]]
  ) {
    let kind = String(describing: annotation.kind)
    let models = Double(annotation.inferringS) * 1000
    let whole = Double(now - annotation.capturedNs) * 1e-6
    let values = [
      ("waiting for a model", Double(annotation.waitingS) * 1000),
      ("preparing the image", Double(annotation.preparingS) * 1000), ("models", models),
      ("published to this client", Double(now - annotation.publishedNs) * 1e-6),
      ("exposure to this client, total", whole),
      ("of it outside models and waiting", whole - models - Double(annotation.waitingS) * 1000),
    ]
    var stages = list[kind] ?? values.map { Stage(name: $0.0) }
    for (index, value) in values.enumerated() { stages[index].times.append(value.1) }
    list[kind] = stages
  }
}

import BridgeClient
import BridgeProtocol
import CLinux
import Foundation
import Sensing
import Spatial
import Synchronization

/// Where the time goes between a device and a renderer, on this machine, through a bridge that runs: a client like any
/// other reads poses and annotations and looks at their stamps.
struct LatencyBench {
  var socket: String?
  var seconds: Double

  /// A stage, with its times in milliseconds.
  private struct Stage {
    var name: String
    var times: [Double] = []
  }

  func run() throws {
    let page: PosePageReader
    let welcome: Vrbridge_V1_Welcome
    let devices: [Vrbridge_V1_Device]
    do {
      let connection = try BridgeConnection(path: socket, clientName: "vrbridge bench")
      welcome = connection.welcome
      devices = try connection.request(.listDevices(Vrbridge_V1_ListDevices())).deviceList.devices
      page = try PosePageReader(path: socket)
    } catch { throw Failure(String(describing: error)) }
    let connected = devices.filter(\.connected)
    guard !connected.isEmpty else {
      throw Failure(
        "the bridge has no device; start one with 'vrbridge run --demo' to measure without a headset")
    }
    print("\(welcome.server), \(connected.count) devices, \(seconds) s; milliseconds\n")

    let viaSocket = Mutex<[UInt32: [Double]]>([:])
    let seen = Mutex<[String: [Stage]]>([:])
    var subscription = BridgeClient.Subscription(
      streams: [.poses], policy: .dropOldest, depth: 8192)
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
          seen.withLock { Self.add(annotation, now, to: &$0) }
        }
      default: break
      }
    }
    client.start()
    var inPage: [UInt32: [Double]] = [:]
    var clocks: [UInt32: [Double]] = [:]
    var last: [UInt32: Int64] = [:]
    let end = linux_monotonic_ns() + Int64(seconds * 1e9)
    while linux_monotonic_ns() < end {
      // Spins between the looks: what is measured is shorter than a timer is exact.
      for device in connected {
        guard let state = page.newest(slot: Int(device.pageSlot)) else { continue }
        let now = linux_monotonic_ns()
        if let before = last[device.deviceID], before != state.received.nanoseconds {
          inPage[device.deviceID, default: []].append(Double(now - state.received.nanoseconds) * 1e-6)
          clocks[device.deviceID, default: []].append(
            Double(state.received.nanoseconds - state.captured.nanoseconds) * 1e-6)
        }
        last[device.deviceID] = state.received.nanoseconds
      }
      usleep(20)
    }
    client.stop()

    print(Self.row("POSES", ["p50", "p95", "p99", "max"], count: "n"))
    for device in connected {
      let name = "\(device.role.deviceRole.name) (\(device.name))"
      print(name)
      Self.show("  sample to read: device, bus, kernel", clocks[device.deviceID] ?? [])
      Self.show("  read to pose page: decode, fuse, publish, our look", inPage[device.deviceID] ?? [])
      Self.show("  read to a client of the socket", viaSocket.withLock { $0[device.deviceID] ?? [] })
    }
    let kinds = seen.withLock { $0 }
    guard !kinds.isEmpty else {
      print("\nNo annotation came: 'vrbridge run --perception …' makes them.")
      return
    }
    print("\n" + Self.row("ANNOTATIONS", ["p50", "p95", "p99", "max"], count: "n"))
    for (kind, stages) in kinds.sorted(by: { $0.key < $1.key }) {
      print(kind)
      for stage in stages { Self.show("  " + stage.name, stage.times) }
    }
  }

  private static func add(
    _ annotation: Vrbridge_V1_Annotation, _ now: Int64, to list: inout [String: [Stage]]
  ) {
    let kind = String(describing: annotation.kind)
    let models = Double(annotation.inferringS) * 1000
    let whole = Double(now - annotation.capturedNs) * 1e-6
    let values = [
      ("waiting for a model", Double(annotation.waitingS) * 1000),
      ("preparing the picture", Double(annotation.preparingS) * 1000), ("models", models),
      ("published to this client", Double(now - annotation.publishedNs) * 1e-6),
      ("light to this client, whole", whole),
      ("of it beside models and waiting", whole - models - Double(annotation.waitingS) * 1000),
    ]
    var stages = list[kind] ?? values.map { Stage(name: $0.0) }
    for (index, value) in values.enumerated() { stages[index].times.append(value.1) }
    list[kind] = stages
  }

  private static func row(_ name: String, _ columns: [String], count: String) -> String {
    Terminal.pad(name, 52) + columns.map { Terminal.padLeft($0, 9) }.joined() + Terminal.padLeft(count, 9)
  }

  private static func show(_ name: String, _ times: [Double]) {
    let sorted = times.sorted()
    guard let most = sorted.last else { return print(row(name, ["–", "–", "–", "–"], count: "0")) }
    func quantile(_ share: Double) -> String {
      String(format: "%.3f", sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))])
    }
    print(
      row(
        name, [quantile(0.5), quantile(0.95), quantile(0.99), String(format: "%.3f", most)],
        count: String(sorted.count)))
  }
}

// Poses and annotations of a running bridge, in Swift: poses from shared memory, annotations by callback.
//
//     swift run example-renderer [SECONDS]
//
// In a package of your own: .product(name: "BridgeClient", package: "vrbridge").
import BridgeClient
import BridgeProtocol
import CLinux
import Foundation
import Sensing
import Spatial
import Synchronization

/// Annotations to draw, by id.
let shown = Mutex<[UInt64: Vrbridge_V1_Annotation]>([:])

var subscription = BridgeClient.Subscription(streams: [.devices])
// Delivered only with the scopes 'camera' and 'microphone'.
subscription.optionalStreams = [.annotations, .speech]
let client = BridgeClient(name: "example-renderer", subscription: subscription) { event in
  switch event {
  case .annotations(let list, _):
    shown.withLock { shown in
      for annotation in list { shown[annotation.id] = annotation.ended ? nil : annotation }
    }
  case .disconnected(let error): print("waiting: \(error)")
  default: break
  }
}
client.start()

let end =
  ContinuousClock.now + .seconds(CommandLine.arguments.dropFirst().first.flatMap { Double($0) } ?? 1e6)
do {
  let page = try PosePageReader()
  while ContinuousClock.now < end {
    // Once a frame: reconnects after a restart of the bridge.
    _ = page.poll()
    let display = Timestamp(nanoseconds: linux_monotonic_ns() + 20_000_000)
    if let slot = page.slot(of: .head), let head = page.state(slot: slot, at: display) {
      let forward = head.worldFromDevice.orientation.rotate(Vector3(0, 0, -1))
      print("head looks along \(forward), \(head.flags.contains(.predicted) ? "predicted" : "measured")")
      for annotation in shown.withLock({ Array($0.values) }) where annotation.hasAnchor {
        // An anchor in the head's space moves with the head, one in the world's stays.
        let anchor = annotation.anchor
        let position =
          anchor.origin.vector + anchor.direction.vector * (anchor.distance > 0 ? anchor.distance : 1.5)
        print("  \(annotation.label) at \(position)")
      }
    }
    Thread.sleep(forTimeInterval: 0.25)
  }
} catch {
  print("\(error)")
  exit(1)
}
client.stop()

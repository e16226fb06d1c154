import Foundation
import Sensing
import Spatial
import Testing

@testable import Interop

struct AxesTests {
  private func turn(_ degrees: Double, _ axis: Vector3) -> Quaternion {
    Quaternion(angle: degrees * .pi / 180, axis: axis)
  }

  @Test func unityHasZForward() {
    let pose = Axes.unity(Pose(position: Vector3(1, 2, -3), orientation: .identity))
    #expect(pose.position == Vector3(1, 2, 3))
    // A rotation to the right is about -Y in OpenXR's axes, and positive about Y in Unity's.
    let right = Axes.unityEuler(Axes.unity(Pose(orientation: turn(-30, Vector3(0, 1, 0)))).orientation)
    #expect(abs(right.y - 30) < 1e-9 && abs(right.x) < 1e-9 && abs(right.z) < 1e-9)
    // Unity's pitch is positive downwards.
    let down = Axes.unityEuler(Axes.unity(Pose(orientation: turn(-20, Vector3(1, 0, 0)))).orientation)
    #expect(abs(down.x - 20) < 1e-9)
  }

  /// Rotations about Z, X, Y of the world, in this order, restore the orientation; at the poles too.
  @Test func eulerAnglesRestoreTheOrientation() {
    for _ in 0..<2000 {
      let q = Quaternion(
        x: .random(in: -1...1), y: .random(in: -1...1), z: .random(in: -1...1), w: .random(in: -1...1)
      ).normalized
      let e = Axes.unityEuler(q)
      let back = turn(e.y, Vector3(0, 1, 0)) * turn(e.x, Vector3(1, 0, 0)) * turn(e.z, Vector3(0, 0, 1))
      #expect(back.angle(to: q) < 1e-6, "\(q)")
    }
    for sign in [-1.0, 1] {
      let q = turn(50, Vector3(0, 1, 0)) * turn(90 * sign, Vector3(1, 0, 0))
      let e = Axes.unityEuler(q)
      let back = turn(e.y, Vector3(0, 1, 0)) * turn(e.x, Vector3(1, 0, 0)) * turn(e.z, Vector3(0, 0, 1))
      #expect(back.angle(to: q) < 1e-3, "\(q)")
    }
  }

  @Test func opentrackAnglesArePositiveRightUpAndRight() {
    #expect(abs(Axes.opentrackAngles(turn(-30, Vector3(0, 1, 0))).yaw - 30) < 1e-9)
    #expect(abs(Axes.opentrackAngles(turn(20, Vector3(1, 0, 0))).pitch - 20) < 1e-9)
    // The head tilts to its right: its right side moves down.
    #expect(abs(Axes.opentrackAngles(turn(-10, Vector3(0, 0, 1))).roll - 10) < 1e-9)
  }
}

struct InteropBytesTests {
  @Test func oscIsPadded() {
    #expect(OSCMessage("/a", [.int(-2)]).bytes == [47, 97, 0, 0, 44, 105, 0, 0, 255, 255, 255, 254])
    #expect(
      OSCMessage("/abc", [.string("x"), .float(1)]).bytes == [
        47, 97, 98, 99, 0, 0, 0, 0, 44, 115, 102, 0, 120, 0, 0, 0, 63, 128, 0, 0,
      ])
    #expect(OSCMessage.bundle([]) == Array("#bundle".utf8) + [0, 0, 0, 0, 0, 0, 0, 0, 1])
  }

  @Test func vrpnIsFramed() throws {
    let frame = VRPNMessage.frame([1, 2, 3], sender: 7, kind: -1, time: 1.5)
    #expect(frame.count == 32)
    let header = try #require(VRPNMessage.Header(frame))
    #expect(header.length == 3 && header.padded == 8 && header.sender == 7 && header.kind == -1)
    #expect(Array(frame[4..<12]) == [0, 0, 0, 1, 0, 7, 161, 32])
    #expect(VRPNMessage.cookie.count == 24)
    let named = VRPNMessage.description("head", number: 3, kind: VRPNMessage.senderDescription)
    #expect(VRPNMessage.name(in: named.dropFirst(24)) == "head")
    #expect(VRPNMessage.pose(Pose()).count == 64 && VRPNMessage.analog([1, 2]).count == 24)
    #expect(VRPNMessage.Header([UInt8](repeating: 255, count: 24)) == nil)
    #expect(VRPNMessage.Header([UInt8](repeating: 0, count: 23)) == nil)
    for _ in 0..<2000 {
      let bytes = (0..<Int.random(in: 0...40)).map { _ in UInt8.random(in: 0...255) }
      if let header = VRPNMessage.Header(bytes) { #expect((0...65_536).contains(header.length)) }
      _ = VRPNMessage.name(in: bytes)
    }
  }
}

import DeviceEmulation
import Devices
import Foundation
import Spatial
import Testing

@testable import Tracking

/// Heading from the magnetic field, with magnets near the device and on it.
struct MagnetometerTests {
  private let degree = Double.pi / 180

  @Test func withAMagnetometerNorthIsTheWorldsForward() {
    // 20 µT to the north and 40 down; the device starts facing east and turns.
    let field = Vector3(0, -40, -20)
    var filter = OrientationFilter()
    var attitude = Quaternion(angle: -.pi / 2, axis: Vector3(0, 1, 0))
    for index in 0..<6000 {
      let rate = Vector3(0.3 * sin(Double(index) * 0.01), 0.5 * cos(Double(index) * 0.004), 0.1)
      attitude = (attitude * Quaternion(rotationVector: rate * 0.005)).normalized
      filter.update(
        rate: rate + Vector3(0.01, -0.02, 0.01), force: attitude.conjugate.rotate(Vector3(0, 9.81, 0)),
        field: attitude.conjugate.rotate(field), step: 0.005)
    }
    #expect(filter.isHeadingReferenced)
    #expect(filter.worldFromDevice.angle(to: attitude) < 1 * degree)
  }

  /// A strong magnet comes near for ten seconds: tilt does not move at all, heading hardly.
  @Test func aMagnetDoesNotTiltTheWorld() {
    var filter = OrientationFilter()
    var plain = OrientationFilter()
    let motion = HeadMotion.lookingAround(seed: 1)
    for index in 0..<6000 {
      let time = Double(index) * 0.005
      let state = motion.state(at: time)
      let magnet = time > 15 && time < 25 ? Vector3(80, 30, 0) : .zero
      let field = state.worldFromDevice.orientation.conjugate.rotate(Vector3(0, -40, -20) + magnet)
      filter.update(rate: state.angularVelocity, force: state.specificForce, field: field, step: 0.005)
      plain.update(rate: state.angularVelocity, force: state.specificForce, step: 0.005)
      guard time > 2 else { continue }
      if time > 16, time < 25 { #expect(!filter.isHeadingReferenced) }
      let error = filter.worldFromDevice * state.worldFromDevice.orientation.conjugate
      #expect(abs(2 * atan2(error.y, error.w)) < 3 * degree)
      let up = filter.worldFromDevice.conjugate.rotate(Vector3(0, 1, 0))
      #expect((up - plain.worldFromDevice.conjugate.rotate(Vector3(0, 1, 0))).length < 0.2 * degree)
    }
  }

  /// The first fraction of a second was beside a magnet: what comes later tells north.
  @Test func aStartBesideAMagnetIsForgotten() {
    var filter = OrientationFilter()
    let motion = HeadMotion.lookingAround(seed: 5)
    var worst = 0.0
    for index in 0..<8000 {
      let time = Double(index) * 0.005
      let state = motion.state(at: time)
      let magnet = time < 0.4 ? Vector3(60, 0, 0) : .zero
      let field = state.worldFromDevice.orientation.conjugate.rotate(Vector3(0, -40, -20) + magnet)
      filter.update(rate: state.angularVelocity, force: state.specificForce, field: field, step: 0.005)
      guard time > 25 else { continue }
      let error = filter.worldFromDevice * state.worldFromDevice.orientation.conjugate
      worst = max(worst, abs(2 * atan2(error.y, error.w)))
    }
    #expect(worst < 6 * degree, "\(worst / degree)°")
  }

  /// A magnet on the device turns with it, so that it averages out over all attitudes.
  @Test func aMagnetOnTheDeviceAveragesOut() {
    var filter = OrientationFilter()
    var attitude = Quaternion.identity
    var worst = 0.0
    for index in 0..<18000 {
      let time = Double(index) * 0.005
      let rate = Vector3(2 * sin(0.7 * time), 1.5 * sin(1.1 * time + 1), 2 * cos(0.5 * time))
      attitude = (attitude * Quaternion(rotationVector: rate * 0.005)).normalized
      filter.update(
        rate: rate, force: attitude.conjugate.rotate(Vector3(0, 9.81, 0)),
        field: attitude.conjugate.rotate(Vector3(0, -40, -16)) + Vector3(0, 0, 16), step: 0.005)
      guard time > 60 else { continue }
      let error = filter.worldFromDevice * attitude.conjugate
      worst = max(worst, abs(2 * atan2(error.y, error.w)))
    }
    #expect(worst < 6 * degree, "\(worst / degree)°")
  }
}

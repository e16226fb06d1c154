import DeviceEmulation
import Devices
import Foundation
import Spatial
import Testing

@testable import Tracking

/// Scale and axis errors that the filter learns in motion, and the smoother over a whole recording.
struct ResponseAndSmootherTests {
  /// What the filter learned of the gyroscope's response makes the rates truer.
  @Test func scaleAndAxisErrorsAreLearnedInMotion() {
    // Turned about all its axes, as a thing in the hand is.
    func rate(_ index: Int) -> Vector3 {
      let time = Double(index) * 0.005
      return Vector3(2 * sin(0.7 * time), 1.5 * sin(1.1 * time + 1), 2 * cos(0.5 * time))
    }
    let wrong = Matrix3(
      Vector3(1.006, 0.004, -0.003), Vector3(-0.004, 0.995, 0.002), Vector3(0.003, 0, 1.004))
    var filter = OrientationFilter()
    var attitude = Quaternion.identity
    for index in 0..<24_000 {
      attitude = (attitude * Quaternion(rotationVector: rate(index) * 0.005)).normalized
      filter.update(
        rate: wrong * rate(index), force: attitude.conjugate.rotate(Vector3(0, 9.81, 0)), step: 0.005)
    }
    var left = 0.0
    var right = 0.0
    for index in 0..<2000 {
      let rate = rate(index * 10)
      left += (filter.corrected(wrong * rate) - rate).squaredLength
      right += (wrong * rate - rate).squaredLength
    }
    #expect(left < 0.25 * right, "\((left / right).squareRoot())")
  }

  @Test func smoothingWithTheFutureIsBetterThanWithout() {
    var random = SeededRandom(seed: 21)
    let motion = HeadMotion.gesturing(seed: 9)
    var samples: [OfflineSmoother.Sample] = []
    var truth: [Quaternion] = []
    var filter = OrientationFilter()
    var causal: [Quaternion] = []
    for index in 0..<12_000 {
      let state = motion.state(at: Double(index) * 0.005)
      let rate = state.angularVelocity * 1.004 + Vector3(0.02, -0.01, 0.015) + random.gaussian3() * 0.003
      let force = state.specificForce + random.gaussian3() * 0.05
      samples.append(.init(step: 0.005, rate: rate, force: force))
      filter.update(rate: rate, force: force, step: 0.005)
      truth.append(state.worldFromDevice.orientation)
      causal.append(filter.worldFromDevice)
    }
    func inclination(_ poses: [Quaternion]) -> Double {
      let squares = zip(poses, truth).map { pose, truth in
        pow(acos(min(1, (pose * truth.conjugate).rotate(Vector3(0, 1, 0)).y)), 2)
      }
      return (squares.reduce(0, +) / Double(squares.count)).squareRoot()
    }
    let smoothed = OfflineSmoother.smooth(samples).map(\.worldFromDevice)
    #expect(smoothed.count == samples.count)
    #expect(inclination(smoothed) < 0.8 * inclination(causal))
  }
}

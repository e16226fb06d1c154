import DeviceEmulation
import Foundation
import Sensing
import Spatial
import Testing

@testable import Tracking

struct PredictionTests {
  private func stamp(_ seconds: Double) -> Timestamp { Timestamp(nanoseconds: 1 + Int64(seconds * 1e9)) }

  private func errors(
    rate: Double, noise: Double = 0, motion: HeadMotion = .gesturing(seed: 7), turn: Quaternion = .identity
  ) -> (predicted: Double, constant: Double) {
    var random = SeededRandom(seed: 2)
    var history = PoseHistory()
    var (predicted, constant, count) = (0.0, 0.0, 0.0)
    let horizon = 0.04
    for index in 0..<Int(40 * rate) {
      let time = Double(index) / rate
      let state = motion.state(at: time)
      let orientation = state.worldFromDevice.orientation * turn
      let velocity =
        state.worldFromDevice.orientation.rotate(state.angularVelocity) + random.gaussian3() * noise
      history.append(
        TrackedState(
          captured: stamp(time), received: stamp(time), worldFromDevice: Pose(orientation: orientation),
          angularVelocity: velocity))
      guard time > 4 else { continue }
      let truth = motion.state(at: time + horizon).worldFromDevice.orientation * turn
      let answer = history.state(at: stamp(time).advanced(bySeconds: horizon))
      predicted += pow(answer?.worldFromDevice.orientation.angle(to: truth) ?? .pi, 2)
      constant += pow((Quaternion(rotationVector: velocity * horizon) * orientation).angle(to: truth), 2)
      count += 1
    }
    return ((predicted / count).squareRoot(), (constant / count).squareRoot())
  }

  @Test(arguments: [100.0, 250, 1000]) func predictionBeatsConstantVelocity(_ rate: Double) {
    let (predicted, constant) = errors(rate: rate, noise: 0.002)
    #expect(predicted < 0.6 * constant, "\(predicted) of \(constant)")
  }

  @Test func turningTheDeviceTurnsThePrediction() {
    let plain = errors(rate: 500)
    let turned = errors(rate: 500, turn: Quaternion(rotationVector: Vector3(1, -0.7, 2)))
    #expect(abs(plain.predicted - turned.predicted) < 1e-9)
  }

  @Test func atRestThePredictedPoseJittersNoMoreThanThePresentOne() {
    var random = SeededRandom(seed: 4)
    var tracker = DeviceTracker(
      calibration: InertialCalibration(), sampleRate: 1000, clock: nil, origin: .hardware)
    var last: (present: Quaternion, predicted: Quaternion)?
    var (present, predicted) = (0.0, 0.0)
    for index in 0..<6000 {
      let time = stamp(Double(index) * 0.001)
      _ = tracker.process(
        InertialSample(
          received: time, angularVelocity: random.gaussian3() * 0.003,
          specificForce: Vector3(0, 9.81, 0) + random.gaussian3() * 0.03))
      guard index > 3000, let now = tracker.history.newest,
        let ahead = tracker.history.state(at: time.advanced(bySeconds: 0.04))
      else { continue }
      #expect(ahead.flags.contains([.predicted, .atRest]))
      if let last {
        present += pow(last.present.angle(to: now.worldFromDevice.orientation), 2)
        predicted += pow(last.predicted.angle(to: ahead.worldFromDevice.orientation), 2)
      }
      last = (now.worldFromDevice.orientation, ahead.worldFromDevice.orientation)
    }
    #expect(predicted <= present * 1.0001)
  }

  @Test func anyRatesAndTimesAreSafe() {
    var random = SeededRandom(seed: 5)
    var predictor = MotionPredictor()
    let sizes = [0, 1e-9, 1, 100, 1e9, 1e150]
    var time = Timestamp(nanoseconds: 0)
    for _ in 0..<20_000 {
      time = time.advanced(
        bySeconds: random.uniform() * ([1e-4, 1e-3, 0.02, 2].randomElement(using: &random) ?? 1))
      predictor.add(
        rate: random.gaussian3() * (sizes.randomElement(using: &random) ?? 1), at: time,
        isCoarse: Bool.random(using: &random))
      _ = predictor.predictedAngularVelocities()
    }
    // Back to life: what was learned from nonsense does not stay.
    for _ in 0..<4000 {
      time = time.advanced(bySeconds: 0.005)
      predictor.add(rate: Vector3(0, 1, 0), at: time)
    }
    #expect(predictor.predictedAngularVelocities()[1].isFinite)
  }
}

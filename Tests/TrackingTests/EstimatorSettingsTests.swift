import DeviceEmulation
import Devices
import Sensing
import Spatial
import Testing

@testable import Tracking

struct EstimatorSettingsTests {
  @Test func namesAndSettingsAreDistinct() {
    #expect(Set(OrientationEstimators.names).count == OrientationEstimators.all.count)
    #expect(OrientationEstimators.names.contains(OrientationEstimators.standard.name))
    for estimator in OrientationEstimators.all {
      #expect(Set(estimator.settings.map(\.name)).count == estimator.settings.count)
      for setting in estimator.settings { #expect(setting.range.contains(setting.standard), "\(setting)") }
      let settings = try? EstimatorSettings(estimator: estimator.name)
      #expect(settings?.values.count == estimator.settings.count)
    }
  }

  @Test func theStandardEstimatorHasItsStandardSettings() {
    let settings = EstimatorSettings()
    #expect(settings.estimator == "error-state-kalman")
    #expect(settings.orientationSettings == OrientationSettings())
    #expect(EstimatorSettings(OrientationSettings()) == settings)
    #expect(type(of: settings.makeEstimator()) == OrientationFilter.self)
  }

  @Test func unknownNamesAreRejectedWithTheKnownOnes() {
    #expect {
      try EstimatorSettings(estimator: "kalmann")
    } throws: { error in
      guard let error = error as? EstimatorError else { return false }
      return error.code == "estimator-unknown" && error.description.contains("'kalmann'")
        && OrientationEstimators.names.allSatisfy { error.description.contains($0) }
    }
    #expect {
      try EstimatorSettings(estimator: ComplementaryFilter.name, values: ["bias_walk": 1])
    } throws: { error in
      (error as? EstimatorError)?.code == "estimator-setting-unknown"
        && "\(error)".contains("proportional_gain_per_s")
    }
    #expect {
      try EstimatorSettings(
        estimator: ComplementaryFilter.name, values: ["proportional_gain_per_s": -1])
    } throws: { error in
      (error as? EstimatorError)?.code == "estimator-setting-invalid"
    }
  }

  @Test func recordedSettingsAreReadWithoutTheInvalidOnes() throws {
    let old = try EstimatorSettings(
      recorded: "", values: ["bias_walk": 1e-3, "other": 4, "gyroscope_noise": -1])
    #expect(old.estimator == OrientationFilter.name)
    #expect(old["bias_walk"] == 1e-3)
    #expect(old["gyroscope_noise"] == OrientationSettings().gyroscopeNoise)
    #expect(old["other"].isNaN)
    #expect(throws: EstimatorError.self) { try EstimatorSettings(recorded: "later", values: [:]) }
  }

  private func track(_ settings: EstimatorSettings) -> (states: [TrackedState], tracker: DeviceTracker) {
    var tracker = DeviceTracker(
      calibration: InertialCalibration(), sampleRate: 500, clock: nil, origin: .emulated, settings: settings)
    let motion = HeadMotion.gesturing(seed: 2)
    var states: [TrackedState] = []
    for index in 0..<5000 {
      let state = motion.state(at: Double(index) * 0.002)
      let sample = InertialSample(
        received: Timestamp(nanoseconds: 1_000_000_000 + Int64(index) * 2_000_000),
        angularVelocity: state.angularVelocity + Vector3(0.01, 0, -0.01), specificForce: state.specificForce)
      if let state = tracker.process(sample) { states.append(state) }
    }
    return (states, tracker)
  }

  @Test func aTrackerUsesTheChosenEstimator() throws {
    let other = try EstimatorSettings(estimator: ComplementaryFilter.name)
    let (first, second, standard) = (track(other), track(other), track(EstimatorSettings()))
    #expect(first.states.count == 5000 && standard.states.count == 5000)
    #expect(first.tracker.settings == other)
    for (a, b) in zip(first.states, second.states) { #expect(a.worldFromDevice == b.worldFromDevice) }
    #expect(first.states.last?.worldFromDevice != standard.states.last?.worldFromDevice)
    let (a, b) = (first.states[4999].worldFromDevice, standard.states[4999].worldFromDevice)
    #expect(a.orientation.angle(to: b.orientation) < 0.1)
  }

  @Test func aReplacedEstimatorContinuesFromTheOrientation() throws {
    var tracker = track(EstimatorSettings()).tracker
    let bias = tracker.learned.bias
    let before = try #require(tracker.history.newest).worldFromDevice.orientation
    tracker.replaceEstimator(by: try EstimatorSettings(estimator: ComplementaryFilter.name))
    #expect(tracker.learned.bias == bias)
    let state = HeadMotion.gesturing(seed: 2).state(at: 10)
    let sample = InertialSample(
      received: Timestamp(nanoseconds: 11_000_000_000), angularVelocity: state.angularVelocity,
      specificForce: state.specificForce)
    let next = tracker.process(sample)
    let after = try #require(next).worldFromDevice.orientation
    #expect(before.angle(to: after) < 0.02)
  }
}

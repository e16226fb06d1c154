import DeviceEmulation
import Foundation
import Sensing
import Spatial
import Testing

@testable import Tracking

struct PositionTests {
  private let degree = Double.pi / 180
  private let motion = HeadMotion.gesturing(seed: 12)

  private func stamp(_ seconds: Double) -> Timestamp {
    Timestamp(nanoseconds: 1_000_000 + Int64(seconds * 1e9))
  }

  private struct Result {
    var filter: PositionFilter
    var positionErrors: [(time: Double, error: Double, expected: Double)] = []
    var attitudeErrors: [Double] = []
    var largestStep = 0.0
    var normalised: [Double] = []
  }

  /// Runs 1 kHz samples and measurements 60 times a second, 25 ms late.
  private func run(
    seconds: Double, blind: ClosedRange<Double>? = nil, positionOnly: Bool = false, shuffle: Bool = false,
    outliers: Bool = false
  ) -> Result {
    var random = SeededRandom(seed: 5)
    var result = Result(filter: PositionFilter())
    var waiting: [(arrives: Double, measurement: PoseMeasurement)] = []
    var last: Pose?
    var start: Quaternion?
    let bias = Vector3(0.01, -0.02, 0.015)
    let forceBias = Vector3(0.05, -0.03, 0.02)
    for index in 0..<Int(seconds * 1000) {
      let time = Double(index) / 1000
      let state = motion.state(at: time)
      if start == nil { start = state.worldFromDevice.orientation }
      if index % 17 == 0, blind?.contains(time) != true {
        let noise = random.gaussian3() * 0.001
        let turn = Quaternion(rotationVector: random.gaussian3() * (0.2 * degree))
        let isOutlier = outliers && index % 340 == 0 && index > 0
        waiting.append(
          (
            time + 0.025 + (shuffle ? random.uniform() * 0.05 : 0),
            PoseMeasurement(
              captured: stamp(time),
              position: state.worldFromDevice.position + noise + (isOutlier ? Vector3(0.5, 0, 0) : .zero),
              positionNoise: 0.001,
              orientation: positionOnly ? nil : turn * state.worldFromDevice.orientation,
              orientationNoise: 0.2 * degree)
          ))
      }
      for entry in waiting where entry.arrives <= time {
        result.filter.add(entry.measurement, attitude: start)
      }
      waiting.removeAll { $0.arrives <= time }
      result.filter.add(
        PositionFilter.Sample(
          captured: stamp(time), rate: state.angularVelocity + bias + random.gaussian3() * 0.002,
          force: state.specificForce + forceBias + random.gaussian3() * 0.02))
      guard time > 3, let newest = result.filter.newest, let displayed = result.filter.displayed else {
        continue
      }
      let error = newest.worldFromUnit.position - state.worldFromDevice.position
      if index % 10 == 0, let uncertainty = result.filter.uncertainty {
        result.positionErrors.append((time, error.length, uncertainty.position.trace.squareRoot()))
        if let weight = uncertainty.position.inverse {
          result.normalised.append(error.dot(weight * error) / 3)
        }
        result.attitudeErrors.append(
          newest.worldFromUnit.orientation.angle(to: state.worldFromDevice.orientation))
      }
      if let last {
        let moved = displayed.worldFromUnit.position - last.position
        result.largestStep = max(result.largestStep, (moved - state.linearVelocity * 0.001).length)
      }
      last = displayed.worldFromUnit
    }
    return result
  }

  private func rms(_ values: [Double]) -> Double {
    (values.reduce(0) { $0 + $1 * $1 } / Double(max(1, values.count))).squareRoot()
  }

  @Test func lateMeasurementsAreFusedAndTheCovarianceIsHonest() {
    let result = run(seconds: 20)
    #expect(rms(result.positionErrors.map(\.error)) < 0.0014)
    #expect(rms(result.attitudeErrors) < 0.18 * degree)
    // Three components, thousands of correlated samples: a mean between 0.5 and 2.
    let mean = result.normalised.reduce(0, +) / Double(result.normalised.count)
    #expect(mean > 0.5 && mean < 2, "\(mean)")
    #expect(result.largestStep < 0.001)
  }

  @Test func placesAloneGiveTiltAndHeading() {
    let result = run(seconds: 30, positionOnly: true)
    #expect(rms(result.positionErrors.suffix(1000).map(\.error)) < 0.002)
    #expect(rms(Array(result.attitudeErrors.suffix(1000))) < 1.5 * degree)
  }

  @Test func anyOrderGivesTheSameAsTheRightOne() {
    let result = run(seconds: 15, shuffle: true)
    #expect(rms(result.positionErrors.map(\.error)) < 0.002)
    #expect(rms(result.attitudeErrors) < 0.25 * degree)
  }

  @Test func outliersAreRefused() {
    let result = run(seconds: 15, outliers: true)
    #expect(rms(result.positionErrors.map(\.error)) < 0.0016)
  }

  /// Two seconds without cameras: the error grows as the covariance says, and the return is no jump.
  @Test func twoSecondsOfLossAreSurvived() {
    let result = run(seconds: 20, blind: 10...12)
    let during = result.positionErrors.filter { $0.time > 10.2 && $0.time < 12 }
    for entry in during { #expect(entry.error < 4 * entry.expected, "\(entry)") }
    #expect((during.last?.expected ?? 0) > 3 * (during.first?.expected ?? 1))
    #expect(result.positionErrors.filter { $0.time > 12.5 }.allSatisfy { $0.error < 0.006 })
    // What the cameras correct at their return comes in over sixty milliseconds, not between two samples.
    #expect(result.largestStep < 0.012)
  }

  @Test func measurementsThatCanNotBeUsedAreSaidToBe() {
    var filter = PositionFilter()
    let measurement = PoseMeasurement(captured: stamp(1), position: .zero, positionNoise: 0.001)
    #expect(filter.add(measurement) == .unusable)
    #expect(filter.add(measurement, attitude: .identity) == .started)
    var broken = measurement
    broken.position.x = .nan
    #expect(filter.add(broken) == .unusable)
    #expect(
      filter.add(PoseMeasurement(captured: stamp(0), position: .zero, positionNoise: 1)) == .unusable)
  }

  @Test func anyFiniteInputIsSafe() {
    var random = SeededRandom(seed: 3)
    var filter = PositionFilter()
    let sizes = [0, 1e-9, 1, 1e3, 1e9, 1e150]
    for _ in 0..<20_000 {
      let time = Timestamp(nanoseconds: Int64(random.uniform() * 3e9))
      if random.uniform() < 0.8 {
        filter.add(
          PositionFilter.Sample(
            captured: time, rate: random.gaussian3() * (sizes.randomElement(using: &random) ?? 1),
            force: random.gaussian3() * (sizes.randomElement(using: &random) ?? 1)))
      } else {
        filter.add(
          PoseMeasurement(
            captured: time, position: random.gaussian3() * (sizes.randomElement(using: &random) ?? 1),
            positionNoise: 1e-4 + random.uniform(),
            orientation: Quaternion(rotationVector: random.gaussian3()), orientationNoise: 0.01))
      }
      if let q = filter.newest?.worldFromUnit.orientation.components {
        #expect(abs((q * q).sum() - 1) < 1e-12)
      }
    }
  }

  @Test func aNeckGivesTheEyesAPlaceAndSaysSo() {
    var tracker = DeviceTracker(
      calibration: InertialCalibration(), sampleRate: 100, clock: nil, origin: .hardware)
    tracker.bodyModel = NeckArmModel(.head)
    var state: TrackedState?
    for index in 0..<200 {
      // Nods down by a radian a second in the second second.
      let isNodding = index >= 100
      let pitch = isNodding ? -Double(index - 99) * 0.01 : 0
      let attitude = Quaternion(angle: pitch, axis: Vector3(1, 0, 0))
      state = tracker.process(
        InertialSample(
          received: stamp(Double(index) * 0.01), angularVelocity: isNodding ? Vector3(-1, 0, 0) : .zero,
          specificForce: attitude.conjugate.rotate(Vector3(0, standardGravity, 0))))
      if index == 99 { #expect((state?.worldFromDevice.position.length ?? 1) < 1e-3) }
    }
    let position = state?.worldFromDevice.position ?? .zero
    #expect(position.y < -0.08 && position.z < -0.01)
    #expect(state?.flags.contains([.positionValid, .positionModelled]) == true)
    #expect(state?.flags.contains(.positionTracked) == false)
  }
}

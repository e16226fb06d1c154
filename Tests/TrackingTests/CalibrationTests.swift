import DeviceEmulation
import Foundation
import Sensing
import Spatial
import TestSupport
import Testing

@testable import Tracking

struct CalibrationTests {
  private let degree = Double.pi / 180

  /// Samples of a tour through many attitudes, with a unit's errors.
  private func session(
    _ errors: InertialErrors, tour: HeadMotion = .calibrationTour(), perDegree: Vector3 = .zero,
    field: Vector3? = nil, iron: (matrix: Matrix3, offset: Vector3) = (.identity, .zero),
    gapAt: Double = .infinity
  ) -> CalibrationSession {
    var random = SeededRandom(seed: 31)
    var session = CalibrationSession()
    let rate = 200.0
    for index in 0..<Int(tour.tourSeconds * rate) {
      let time = Double(index) / rate
      // A radio that is silent for half a second.
      if time > gapAt, time < gapAt + 0.5 { continue }
      let state = tour.state(at: time)
      let temperature = 25 + 15 * time / tour.tourSeconds
      let noise = (rate / 2).squareRoot()
      let turn =
        state.angularVelocity + state.angularVelocity * errors.gyroscopeScale
        + errors.gyroscopeMisalignment * state.angularVelocity + errors.gyroscopeBias
        + perDegree * (temperature - 25) + random.gaussian3() * (errors.gyroscopeNoise * noise)
      let force =
        state.specificForce + state.specificForce * errors.accelerometerScale
        + errors.accelerometerMisalignment * state.specificForce + errors.accelerometerBias
        + random.gaussian3() * (errors.accelerometerNoise * noise)
      let magnetic = field.map {
        iron.matrix * state.worldFromDevice.orientation.conjugate.rotate($0) + iron.offset
          + random.gaussian3() * 0.2
      }
      session.add(
        InertialSample(
          received: Timestamp(nanoseconds: 0), angularVelocity: turn, specificForce: force,
          magneticField: magnetic, temperature: perDegree == .zero ? nil : temperature),
        at: Timestamp(nanoseconds: Int64(time * 1e9) + 1))
    }
    return session
  }

  /// Whatever the unit's errors, what is left of them after the fit is a twentieth of a per cent and a hundredth of
  /// a metre per second squared.
  @Test(arguments: [1, 2, 3, 4, 5] as [UInt64]) func knownErrorsAreRecovered(_ seed: UInt64) throws {
    let errors = InertialErrors.uncalibrated(seed: seed)
    let fit = try CalibrationFit(session(errors), before: InertialCalibration())
    var random = SeededRandom(seed: seed &+ 100)
    for _ in 0..<200 {
      let rate = (random.gaussian3().normalized ?? .zero) * 3
      let force = (random.gaussian3().normalized ?? .zero) * 15
      let measuredRate =
        rate + rate * errors.gyroscopeScale + errors.gyroscopeMisalignment * rate + errors.gyroscopeBias
      let measuredForce =
        force + force * errors.accelerometerScale + errors.accelerometerMisalignment * force
        + errors.accelerometerBias
      #expect((fit.calibration.gyroscope(measuredRate) - rate).length < 0.0006 * 3 + 0.02 * degree)
      #expect((fit.calibration.accelerometer(measuredForce) - force).length < 0.0005 * 15 + 0.005)
    }
    #expect(fit.quality.forceAfter < 0.05 * fit.quality.forceBefore)
    #expect(fit.quality.turnAfter < 0.1 * fit.quality.turnBefore)
    #expect(fit.calibration.source == .user)
  }

  @Test func theBiasOverTemperatureIsAStraightLine() throws {
    let slope = Vector3(0.02, -0.01, 0.005) * degree
    let errors = InertialErrors.consumer(seed: 3)
    let fit = try CalibrationFit(session(errors, perDegree: slope), before: InertialCalibration())
    #expect((fit.calibration.gyroscopePerDegree - slope).length < 0.1 * slope.length)
    #expect(fit.quality.temperatureSpan > 10)
    let sample = InertialSample(
      received: Timestamp(nanoseconds: 0),
      angularVelocity: errors.gyroscopeBias + slope * 10, specificForce: .zero, temperature: 35)
    #expect(fit.calibration.angularVelocity(sample).length < 0.05 * degree)
  }

  @Test func hardAndSoftIronAreTakenOut() throws {
    let iron = Matrix3(Vector3(1.1, 0.05, 0), Vector3(0.05, 0.95, 0.03), Vector3(0, 0.03, 1.02))
    let fit = try CalibrationFit(
      session(
        .consumer(seed: 1), field: Vector3(0, -40, -20), iron: (iron, Vector3(25, -10, 40))),
      before: InertialCalibration())
    let magnetometer = try #require(fit.calibration.magnetometer)
    #expect(try #require(fit.quality.fieldAfter) < 0.02)
    var random = SeededRandom(seed: 8)
    for _ in 0..<100 {
      let field = (random.gaussian3().normalized ?? .zero) * 44.7
      let corrected = magnetometer(iron * field + Vector3(25, -10, 40))
      // The strength is the readings' own; directions count.
      let cosine = corrected.dot(field) / (corrected.length * field.length)
      #expect(acos(min(1, cosine)) < 2 * degree)
    }
  }

  @Test func readingsOfOneSideGiveNoEllipsoid() {
    var random = SeededRandom(seed: 8)
    let cap = (0..<2000).map { _ in
      Vector3(random.gaussian() * 5, random.gaussian() * 5, 40) + Vector3(20, 0, 0)
    }
    #expect(EllipsoidFit(cap) == nil)
    #expect(EllipsoidFit([]) == nil)
    #expect(EllipsoidFit([Vector3](repeating: .zero, count: 500)) == nil)
  }

  @Test func aMissingPoseIsNamedAndTooFewAreRefused() {
    var few = HeadMotion.calibrationTour()
    few.keepTour(5)
    let session = session(.consumer(seed: 1), tour: few)
    #expect(session.progress.missing.contains("-z"))
    #expect { try CalibrationFit(session, before: InertialCalibration()) } throws: {
      "\($0)".contains("too few") && "\($0)".contains("-z")
    }
  }

  /// A fit that is no better than what is in force does not replace it: here the one in force is the truth.
  @Test func aFitThatIsNotBetterIsRefused() throws {
    let errors = InertialErrors.uncalibrated(seed: 2)
    let scale = errors.gyroscopeScale
    let gyroscope = Matrix3.diagonal(scale + Vector3(1, 1, 1)) + errors.gyroscopeMisalignment
    let accelerometer =
      Matrix3.diagonal(errors.accelerometerScale + Vector3(1, 1, 1)) + errors.accelerometerMisalignment
    let gyroscopeInverse = try #require(gyroscope.inverse)
    let accelerometerInverse = try #require(accelerometer.inverse)
    let truth = InertialCalibration(
      gyroscope: AffineCorrection(
        matrix: gyroscopeInverse, offset: gyroscopeInverse * errors.gyroscopeBias),
      accelerometer: AffineCorrection(
        matrix: accelerometerInverse, offset: accelerometerInverse * errors.accelerometerBias))
    #expect { try CalibrationFit(session(errors), before: truth) } throws: { "\($0)".contains("not better") }
  }

  /// What was collected before a gap stays; only the turn over the gap is not made use of.
  @Test func aGapLosesNothing() throws {
    let errors = InertialErrors.uncalibrated(seed: 3)
    let session = session(errors, gapAt: 25.5)
    #expect(session.progress.distinctPoses >= 17)
    let fit = try CalibrationFit(session, before: InertialCalibration())
    #expect(fit.quality.turnAfter < 0.1 * fit.quality.turnBefore)
    #expect((fit.calibration.gyroscope(errors.gyroscopeBias)).length < 0.05 * degree)
  }
}

import Devices
import Foundation
import Sensing
import Spatial
import Testing

@testable import Tracking

/// Rests on a table and on a head: the bias they give, and what must not be taken for one.
struct RestTests {
  private let degree = Double.pi / 180

  /// While the headset is worn, apparent rest may be a slow rotation of the wearer.
  @Test func aSlowRotationOfTheWearerIsNotTakenForBias() {
    let bias = Vector3(0.02, -0.03, 0.01)
    func turned(isWorn: Bool) -> (angle: Double, bias: Double) {
      var random = SeededRandom(seed: 4)
      var filter = OrientationFilter()
      var start = 0.0
      for index in 0..<6000 {
        let isOnTable = index < 2000
        filter.isWorn = !isOnTable && isWorn
        let rate = Vector3(0, isOnTable ? 0 : 0.6 * degree, 0)
        filter.update(
          rate: rate + bias + random.gaussian3() * 0.002,
          force: Vector3(0, 9.81, 0) + random.gaussian3() * 0.03, step: 0.005)
        if isOnTable { start = filter.worldFromDevice.rotationVector.y }
      }
      return (filter.worldFromDevice.rotationVector.y - start, (filter.bias - bias).length)
    }
    // Twelve degrees in twenty seconds.
    let worn = turned(isWorn: true)
    #expect(abs(worn.angle - 12 * degree) < 1 * degree, "\(worn.angle / degree)°")
    #expect(worn.bias < 0.1 * degree)
    #expect(turned(isWorn: false).angle < 8 * degree)
  }

  /// Put on at once: the wearer's rests still find a bias that nobody knew.
  @Test func aBiasIsFoundOnTheHeadToo() {
    let bias = Vector3(0.05, -0.04, 0.03)
    var random = SeededRandom(seed: 6)
    var filter = OrientationFilter()
    filter.isWorn = true
    for index in 0..<12000 {
      let sway = 0.2 * degree * sin(Double(index) * 0.005)
      filter.update(
        rate: Vector3(0, sway, 0) + bias + random.gaussian3() * 0.002,
        force: Vector3(0, 9.81, 0) + random.gaussian3() * 0.03, step: 0.005)
    }
    #expect((filter.bias - bias).length < 0.2 * degree, "\((filter.bias - bias).length / degree)°/s")
  }

  /// Started in motion, without magnetometer: whatever bias and scale the gyroscope has, the world stands still at the
  /// first rest. With a covariance that forgets only how heading goes with the bias it turned by up to 4° here.
  @Test(arguments: UInt64(1)...8)
  func theHeadingOfARestingDeviceStands(_ seed: UInt64) {
    var random = SeededRandom(seed: seed)
    func uniform(_ range: ClosedRange<Double>) -> Double { Double.random(in: range, using: &random) }
    func vector(_ range: ClosedRange<Double>) -> Vector3 {
      Vector3(uniform(range), uniform(range), uniform(range))
    }
    let bias = vector(-1...1) * degree
    let scale = Matrix3(
      random.gaussian3() * 0.004 + Vector3(1, 0, 0), random.gaussian3() * 0.004 + Vector3(0, 1, 0),
      random.gaussian3() * 0.004 + Vector3(0, 0, 1))
    let swings = (0..<3).map { _ in
      (rate: vector(0.3...1.5), push: vector(0.3...1.2), frequency: uniform(0.1...0.7), phase: vector(0...6))
    }
    var filter = OrientationFilter()
    var truth = Quaternion.identity
    var (before, heading) = (Quaternion.identity, 0.0)
    var headings: [Double] = []
    for index in 0..<9400 {
      let time = Double(index) * 0.005
      var (rate, push) = (Vector3.zero, Vector3.zero)
      if time < 35 {
        for swing in swings {
          let angle = swing.phase + Vector3(repeating: 2 * .pi * swing.frequency * time)
          let wave = Vector3(sin(angle.x), sin(angle.y), sin(angle.z))
          rate += swing.rate * wave
          push += swing.push * wave
        }
      }
      truth = (truth * Quaternion(rotationVector: rate * 0.005)).normalized
      filter.update(
        rate: scale * rate + bias + random.gaussian3() * 0.003,
        force: truth.conjugate.rotate(Vector3(0, standardGravity, 0) + push) + random.gaussian3() * 0.02,
        step: 0.005)
      // Rotations about the vertical; of a tilted device no angle of its attitude is the heading alone.
      heading += (filter.worldFromDevice * before.conjugate).rotationVector.y
      before = filter.worldFromDevice
      // With the last one before the first correction at rest.
      if filter.isAtRest { headings.append(heading) } else { headings = [heading] }
    }
    #expect(headings.count > 600, "it rested for \(headings.count) samples")
    func turn(_ from: Double, _ to: Double) -> Double { abs(to - from) / degree }
    let inAll = headings.map { turn(headings[0], $0) }.max() ?? .infinity
    let inASecond = zip(headings, headings.dropFirst(200)).map(turn).max() ?? .infinity
    #expect(inAll < 0.5 && inASecond < 0.1, "\(inAll)° in all, \(inASecond)° in a second")
  }

  /// An hour on the table: nothing grows that should not, and the covariance stays one.
  @Test func anHourAtRestStaysAtRest() {
    var random = SeededRandom(seed: 12)
    var filter = OrientationFilter()
    let attitude = Quaternion(rotationVector: Vector3(0.4, 1, -0.3))
    var first: Quaternion?
    for index in 0..<360_000 {
      filter.update(
        rate: Vector3(0.02, -0.03, 0.01) + random.gaussian3() * 0.002,
        force: attitude.conjugate.rotate(Vector3(0, 9.81, 0)) + random.gaussian3() * 0.03, step: 0.01)
      if index == 500 { first = filter.worldFromDevice }
    }
    #expect(filter.isAtRest)
    #expect((first?.angle(to: filter.worldFromDevice) ?? .pi) < 1 * degree)
    #expect((filter.bias - Vector3(0.02, -0.03, 0.01)).length < 1e-3)
    #expect(filter.inclinationUncertainty < 0.02 && filter.biasUncertainty < 0.01)
    let density = 0.002 * (2 / 100.0).squareRoot()
    #expect(abs(filter.measuredNoise / density - 1) < 0.2)
  }
}

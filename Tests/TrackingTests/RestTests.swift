import Devices
import Foundation
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

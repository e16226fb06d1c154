import DeviceEmulation
import Foundation
import Sensing
import Spatial
import Tracking

/// Measures the orientation filter alone, on samples that other programs can read (`Benchmarks/filter-cost.sh`).
enum FilterBench {
  /// Seconds between samples: the rate of the BROAD trials.
  private static let step = 0.0035

  /// Writes 20,000 samples of a gesturing hand: rate, force and field, nine doubles each.
  static func writeInput(to path: String) throws {
    var random = SeededRandom(seed: 17)
    let motion = HeadMotion.gesturing(seed: 17)
    var numbers: [Double] = []
    for index in 0..<20_000 {
      let state = motion.state(at: Double(index) * step)
      let rate = state.angularVelocity + random.gaussian3() * 0.003
      let force = state.specificForce + random.gaussian3() * 0.05
      let field =
        state.worldFromDevice.orientation.conjugate.rotate(Vector3(0, -40, -20)) + random.gaussian3() * 0.3
      numbers += [rate.x, rate.y, rate.z, force.x, force.y, force.z, field.x, field.y, field.z]
    }
    try numbers.withUnsafeBytes { try Data($0).write(to: URL(fileURLWithPath: path)) }
  }

  /// Prints the best nanoseconds per update of some rounds.
  static func run(_ path: String, count: Int, rounds: Int) throws {
    let data = try Data(contentsOf: URL(fileURLWithPath: path))
    let numbers = data.withUnsafeBytes { Array($0.bindMemory(to: Double.self)) }
    let samples = stride(from: 0, to: numbers.count - 8, by: 9).map { place in
      func vector(_ offset: Int) -> Vector3 {
        Vector3(numbers[place + offset], numbers[place + offset + 1], numbers[place + offset + 2])
      }
      return (rate: vector(0), force: vector(3), field: vector(6))
    }
    var best = Double.infinity
    var sum = 0.0
    for _ in 0..<rounds {
      var filter = OrientationFilter()
      let start = DispatchTime.now().uptimeNanoseconds
      for index in 0..<count {
        let sample = samples[index % samples.count]
        filter.update(rate: sample.rate, force: sample.force, field: sample.field, step: step)
      }
      let time = Double(DispatchTime.now().uptimeNanoseconds - start)
      if count > 0 { best = min(best, time / Double(count)) }
      sum += filter.worldFromDevice.w
    }
    print(String(format: "%.1f %.6f", best, sum))
  }

  /// Prints nanoseconds per query of the pose history, interpolated and predicted.
  static func queries() {
    var history = PoseHistory()
    let motion = HeadMotion.lookingAround()
    func stamp(_ index: Int) -> Timestamp { Timestamp(nanoseconds: Int64(index) * 1_000_000) }
    for index in 0..<2000 {
      let state = motion.state(at: Double(index) * 1e-3)
      history.append(
        TrackedState(
          captured: stamp(index), received: stamp(index), worldFromDevice: state.worldFromDevice,
          angularVelocity: state.worldFromDevice.orientation.rotate(state.angularVelocity)))
    }
    func time(_ name: String, _ question: (Int) -> Timestamp) {
      var best = Double.infinity
      var sum = 0.0
      for _ in 0..<8 {
        let start = DispatchTime.now().uptimeNanoseconds
        for index in 0..<20_000 {
          sum += history.state(at: question(index))?.worldFromDevice.orientation.w ?? 0
        }
        best = min(best, Double(DispatchTime.now().uptimeNanoseconds - start) / 20_000)
      }
      print("pose history, \(name): \(Int(best)) ns a query (goal 200)\(sum.isNaN ? "!" : "")")
    }
    time("interpolated") { Timestamp(nanoseconds: 1_000_000_000 + Int64($0 % 900) * 1_000_000 + 500_000) }
    time("predicted") { Timestamp(nanoseconds: 1_999_000_000 + Int64($0 % 90) * 1_000_000) }
  }
}

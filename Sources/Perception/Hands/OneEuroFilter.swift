import Foundation
import Spatial

/// Smooths without lag where it matters: the faster something moves, the less it is smoothed.
///
/// Casiez, Roussel and Vogel, "1 € Filter: A Simple Speed-based Low-pass Filter for Noisy Input in Interactive
/// Systems", CHI 2012.
struct OneEuroFilter {
  /// Hz, of a thing at rest.
  var minimumCutoff: Double
  /// Hz more for each unit a second.
  var beta: Double
  /// Hz, for the speed.
  var speedCutoff = 1.0

  private var value: Vector3?
  private var speed = Vector3.zero
  private var time: Timestamp?

  init(minimumCutoff: Double, beta: Double) {
    self.minimumCutoff = minimumCutoff
    self.beta = beta
  }

  private static func weight(_ cutoff: Double, _ step: Double) -> Double {
    let r = 2 * .pi * cutoff * step
    return r / (r + 1)
  }

  mutating func update(_ new: Vector3, at now: Timestamp) -> Vector3 {
    guard let value, let time else {
      self.value = new
      self.time = now
      return new
    }
    let step = now.seconds(since: time)
    // After a gap the past says nothing.
    guard step > 0, step < 1 else {
      if step >= 1 {
        self.value = new
        self.time = now
        speed = .zero
        return new
      }
      return value
    }
    let raw = (new - value) / step
    speed += (raw - speed) * Self.weight(speedCutoff, step)
    let filtered = value + (new - value) * Self.weight(minimumCutoff + beta * speed.length, step)
    self.value = filtered
    self.time = now
    return filtered
  }
}

import Spatial

/// Noise to add to speech, with a fixed seed and a standard deviation of 1.
public struct ColouredNoise {
  public enum Colour: String, CaseIterable, Sendable {
    /// Equal power per octave, like fans and traffic.
    case pink
    /// Equal power per hertz: strongest at the frequencies that distinguish consonants.
    case white
  }

  private let colour: Colour
  private var random: SeededRandom
  private var rows: [Double]
  private var step: UInt32 = 0

  public init(_ colour: Colour, seed: UInt64) {
    self.colour = colour
    random = SeededRandom(seed: seed)
    rows = []
    rows = (0..<Self.octaves).map { _ in random.gaussian() }
  }

  private static let octaves = 12

  public mutating func next() -> Double {
    guard colour == .pink else { return random.gaussian() }
    // Voss's sum of rows, each changed half as often as the one before (Gardner, Scientific American, April 1978), one row
    // at a time (McCartney).
    step &+= 1
    rows[min(step.trailingZeroBitCount, Self.octaves - 1)] = random.gaussian()
    return (rows.reduce(0, +) + random.gaussian()) / Double(Self.octaves + 1).squareRoot()
  }
}

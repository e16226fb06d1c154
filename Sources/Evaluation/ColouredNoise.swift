import Spatial

/// Noise to hear speech in, of a fixed seed and of deviation 1.
public struct ColouredNoise {
  public enum Colour: String, CaseIterable, Sendable {
    /// As much in each octave: rooms, fans and traffic are nearer to this.
    case pink
    /// As much in each hertz: hisses most where consonants are told apart.
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

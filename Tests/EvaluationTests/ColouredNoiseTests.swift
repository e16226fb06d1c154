import Testing

@testable import Evaluation

@Suite struct ColouredNoiseTests {
  /// Mean squares of the noise, and of its means over as many neighbours.
  private func powers(_ colour: ColouredNoise.Colour, over neighbours: Int) -> (all: Double, low: Double) {
    var noise = ColouredNoise(colour, seed: 3)
    var (all, low) = (0.0, 0.0)
    let rounds = 2000
    for _ in 0..<rounds {
      var sum = 0.0
      for _ in 0..<neighbours {
        let value = noise.next()
        all += value * value
        sum += value
      }
      low += sum * sum / Double(neighbours * neighbours)
    }
    return (all / Double(rounds * neighbours), low / Double(rounds))
  }

  @Test(arguments: ColouredNoise.Colour.allCases) func itsDeviationIsOne(_ colour: ColouredNoise.Colour) {
    #expect(abs(powers(colour, over: 64).all - 1) < 0.1)
  }

  @Test func pinkNoiseHasAsMuchInEachOctave() {
    // White noise loses a half with each doubling of what is averaged, pink noise little.
    let white = [8, 16, 32, 64].map { powers(.white, over: $0).low }
    for (left, right) in zip(white, white.dropFirst()) { #expect(abs(right / left - 0.5) < 0.05) }
    let pink = [8, 64].map { powers(.pink, over: $0).low }
    #expect(pink[1] < pink[0] && pink[1] > 0.35, "\(pink)")
  }
}

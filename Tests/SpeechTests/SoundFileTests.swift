import Foundation
import Testing
import TestSupport

@testable import Microphones

/// Sound files of any rate, to their last sample.
struct SoundFileTests {
  /// A WAV file of 16-bit samples (RIFF, Microsoft 1991).
  private static func wav(
    _ samples: [Int16], rate: Int, channels: Int = 1, sizes: (riff: UInt32, data: UInt32)? = nil
  )
    -> [UInt8]
  {
    func u16(_ value: Int) -> [UInt8] { [UInt8(value & 255), UInt8(value >> 8 & 255)] }
    func u32(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(value >> (8 * UInt32($0)) & 255) } }
    let data = samples.flatMap { u16(Int(UInt16(bitPattern: $0))) }
    var bytes = Array("RIFF".utf8)
    bytes += u32(sizes?.riff ?? UInt32(36 + data.count))
    bytes += Array("WAVEfmt ".utf8)
    bytes += u32(16)
    for value in [1, channels] { bytes += u16(value) }
    for value in [rate, rate * channels * 2] { bytes += u32(UInt32(value)) }
    for value in [channels * 2, 16] { bytes += u16(value) }
    bytes += Array("data".utf8)
    bytes += u32(sizes?.data ?? UInt32(data.count))
    return bytes + data
  }

  /// A tone of 440 Hz that ends suddenly is heard to its end, and nothing is moved.
  @Test(arguments: [8000, 11_025, 22_050, 32_000, 44_100, 48_000, 16_000])
  func theLastMomentsAreKept(_ rate: Int) throws {
    let seconds = 0.5
    let count = Int(Double(rate) * seconds)
    let tone = (0..<count).map { Int16(12_000 * sin(2 * .pi * 440 * Double($0) / Double(rate))) }
    let samples = try SoundFile.samples(Self.wav(tone, rate: rate), file: "t.wav")
    #expect(abs(samples.count - 8000) <= 1, "\(samples.count)")
    var (error, power) = (0.0, 0.0)
    // The last 64 ms without the last two, where the resampler sees the silence behind.
    for index in (samples.count - 1024)..<(samples.count - 32) {
      let expected = 12_000 * sin(2 * .pi * 440 * Double(index) / 16_000)
      error += (Double(samples[index]) - expected) * (Double(samples[index]) - expected)
      power += expected * expected
    }
    #expect(error / power < 0.01, "\(rate): \((error / power).squareRoot())")
  }

  @Test func aRecorderThatWasKilledLeavesAReadableFile() throws {
    let samples = (0..<3200).map { Int16(truncatingIfNeeded: $0 * 7) }
    let whole = try SoundFile.samples(Self.wav(samples, rate: 16_000), file: "t.wav")
    #expect(whole == samples)
    for sizes in [(0, 0), (36, 0), (.max, .max), (36, 1 << 30)] as [(UInt32, UInt32)] {
      #expect(
        try SoundFile.samples(Self.wav(samples, rate: 16_000, sizes: sizes), file: "t.wav") == samples,
        "\(sizes)")
    }
    // A file that ends in the middle of its samples.
    let cut = Array(Self.wav(samples, rate: 16_000).dropLast(1000))
    #expect(try SoundFile.samples(cut, file: "t.wav") == Array(samples.dropLast(500)))
    // Sound of length 0 with another chunk behind is what it says.
    var empty = Self.wav([], rate: 16_000, sizes: (48, 0)) + Array("LIST".utf8)
    empty += [4, 0, 0, 0, 1, 2, 3, 4] as [UInt8]
    #expect((try? SoundFile.samples(empty, file: "t.wav"))?.isEmpty ?? true)
  }

  @Test func whatIsNoSoundFileSaysSo() {
    for (path, reason) in [
      ("/nonexistent.wav", "No such file"), ("/tmp", "is a folder"),
      (TestPaths.root + "/README.md", "is no WAV file"),
    ] {
      #expect { try SoundFile.read(path) } throws: { "\($0)".contains(reason) }
    }
  }
}

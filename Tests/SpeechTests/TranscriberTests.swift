import Sensing
import Spatial
import Synchronization
import Testing

@testable import Speech

@Suite struct TranscriberTests {
  /// Detects a voice in loud sound and for a tenth of a second after it, as the real detector does.
  private final class LoudnessDetector: VoiceDetecting {
    private var quiet = 3
    func isVoice(_ window: [Float]) -> Bool {
      quiet = window.contains { abs($0) > 0.1 } ? 0 : quiet + 1
      return quiet < 4
    }
    func reset() {}
  }

  private struct OneTextRecogniser: SpeechRecogniser {
    let identity = RecogniserIdentity(model: "one", version: "1", digest: "")
    func recognise(_ samples: [Float]) -> Recognition { Recognition(text: "the same") }
  }

  /// Returns the final transcripts of a sound that is fed in pieces.
  private func finals(_ sound: [Int16], piece: Int) -> [Transcript] {
    let events = Mutex<[TranscriptEvent]>([])
    let transcriber = Transcriber(
      settings: SegmentationSettings(), detector: LoudnessDetector(),
      recogniser: { () throws(SpeechError) in OneTextRecogniser() }, now: { 0 },
      report: { event in events.withLock { $0.append(event) } })
    for start in stride(from: 0, to: sound.count, by: piece) {
      let time = Timestamp(nanoseconds: Int64(start) * 62_500)
      transcriber.feed(
        AudioBlock(
          microphone: "m", samples: Array(sound[start..<min(start + piece, sound.count)]), captured: time,
          received: time))
    }
    transcriber.flush()
    transcriber.stop()
    return events.withLock { list in
      list.compactMap { event in
        if case .transcript(let text) = event, text.state == .final { text } else { nil }
      }
    }
  }

  /// A voice 19 dB above the noise counts as noisy, one 45 dB above does not.
  @Test(arguments: [(1_000, 1), (50, 2)] as [(Int16, Int)])
  func inNoiseAnUtteranceIsKeptTogether(noise: Int16, utterances: Int) {
    func sound(_ level: Int16, _ seconds: Double) -> [Int16] {
      [Int16](repeating: level, count: Int(seconds * 16_000))
    }
    let parts = [
      sound(noise, 1), sound(9_000, 9), sound(noise, 0.75), sound(9_000, 2), sound(noise, 0.7),
    ]
    #expect(Set(finals(parts.flatMap { $0 }, piece: 512).map(\.number)).count == utterances)
  }

  /// The voice is decoded to its end, for any length of the sound and of the pieces.
  @Test(arguments: [160, 512, 700, 16_000]) func aVoiceAtTheEndOfTheSoundIsDecoded(piece: Int) {
    for length in stride(from: 8_000, to: 40_000, by: 900) {
      let sound = [Int16](repeating: 0, count: 4_000) + [Int16](repeating: 9_000, count: length)
      let finals = finals(sound, piece: piece)
      #expect(finals.count == 1, "\(length) samples in pieces of \(piece)")
      // To the end of the voice, or as much longer as the detector holds it.
      let end = Double(finals.first?.end.nanoseconds ?? 0) * 1e-9
      #expect(abs(end - Double(sound.count) / 16_000) < 0.13, "\(length): \(end)")
    }
  }
}

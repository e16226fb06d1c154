import Glibc
import Sensing
import Spatial
import Synchronization

/// The transcripts of a recording that a transcriber received block by block, as from a microphone.
public struct RecordedSpeech: Sendable {
  /// The last text of each utterance.
  public private(set) var finals: [Transcript] = []
  /// Events of the transcriber, each with the time at which it was reported (ns, CLOCK_MONOTONIC).
  public private(set) var events: [(event: TranscriptEvent, at: Int64)] = []
  /// Time of the first sample.
  public let origin: Timestamp
  /// The transcriber's last error.
  public private(set) var failure: String?

  /// Samples of one block: 32 ms.
  private static let blockSize = 512

  /// Transcribes a recording.
  ///
  /// - Parameters:
  ///   - samples: 16 kHz, one channel.
  ///   - isPaced: whether blocks arrive at the rate of speech, else as fast as they are processed.
  ///   - now: CLOCK_MONOTONIC in nanoseconds.
  public init(
    _ samples: [Int16], models: SpeechModels, detector: VoiceDetector, settings: SegmentationSettings,
    isPaced: Bool, now: @escaping @Sendable () -> Int64
  ) throws(SpeechError) {
    let log = Mutex<[(event: TranscriptEvent, at: Int64)]>([])
    // Opened before the clock starts: the first block must not wait for a model.
    _ = try models.recogniser()
    let transcriber = Transcriber(
      settings: settings, detector: detector,
      recogniser: { () throws(SpeechError) in try models.recogniser() }, now: now,
      report: { event in log.withLock { $0.append((event, now())) } })
    let begun = now()
    origin = Timestamp(nanoseconds: begun)
    var position = 0
    while position < samples.count {
      let block = Array(samples[position..<min(position + Self.blockSize, samples.count)])
      let captured = begun + Int64(Double(position) / Double(AudioBlock.rate) * 1e9)
      position += block.count
      let due = begun + Int64(Double(position) / Double(AudioBlock.rate) * 1e9)
      if isPaced {
        let wait = due - now()
        if wait > 0 { usleep(UInt32(wait / 1000)) }
      }
      transcriber.feed(
        AudioBlock(
          microphone: "file", samples: block, captured: Timestamp(nanoseconds: captured),
          received: Timestamp(nanoseconds: now())))
    }
    transcriber.flush()
    transcriber.stop()
    events = log.withLock { $0 }
    collect()
  }

  private mutating func collect() {
    var texts: [UInt64: Transcript] = [:]
    var order: [UInt64] = []
    for (event, _) in events {
      switch event {
      case .transcript(let transcript) where transcript.state == .final:
        if texts[transcript.number] == nil { order.append(transcript.number) }
        texts[transcript.number] = transcript
      case .dropped(let number, _): texts[number] = nil
      case .failed(let problem): failure = problem
      default: break
      }
    }
    finals = order.compactMap { texts[$0] }
  }
}

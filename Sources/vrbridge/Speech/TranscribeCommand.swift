import ArgumentParser
import Bridge
import CLinux
import Foundation
import Microphones
import Sensing
import Spatial
import Speech
import Synchronization

struct TranscribeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "transcribe", abstract: "Turn the speech in sound files into text, as the bridge would.")

  @Argument(help: "WAV files.")
  var files: [String]

  @Flag(help: "JSON, one object an utterance.")
  var json = false

  @Flag(help: "Tell too what was not taken for speech, and why.")
  var dropped = false

  @OptionGroup var options: ModelOptions

  func run() throws {
    let (models, settings) = try SpeechSetup.models(options)
    for file in files {
      let samples: [Int16]
      do throws(MicrophoneFault) { samples = try SoundFile.read(file) } catch {
        throw Failure(error.description)
      }
      let run = try SpeechSetup.run(
        samples, models: models, detector: try SpeechSetup.detector(models, settings), settings: settings,
        isPaced: false)
      if let failure = run.failure { throw Failure(failure) }
      if dropped {
        for case .dropped(_, let reason) in run.events.map(\.event) {
          FileHandle.standardError.write(Data("\(file): left out: \(reason)\n".utf8))
        }
      }
      for transcript in run.finals {
        let (start, end) = (
          transcript.start.seconds(since: run.origin), transcript.end.seconds(since: run.origin)
        )
        if json {
          print(
            "{\"file\":\(PoseLine.quoted(file)),\"start\":\(Terminal.number(start, 3)),\"end\":\(Terminal.number(end, 3)),\"text\":\(PoseLine.quoted(transcript.text)),\"confidence\":\(Terminal.number(transcript.confidence, 3))}"
          )
        } else {
          print("\(Terminal.number(start, 2)) to \(Terminal.number(end, 2)) s: \(transcript.text)")
        }
      }
    }
  }
}

/// What the commands about speech share.
enum SpeechSetup {
  /// What `models:` and `speech:` of the configuration say.
  static func models(_ options: ModelOptions) throws -> (SpeechModels, SegmentationSettings) {
    let configuration = try options.configuration()
    let speech = configuration.speech.value
    return (speech.models(configuration.models.value, stateFolder: options.stateFolder), speech.segmentation)
  }

  static func detector(_ models: SpeechModels, _ settings: SegmentationSettings) throws -> VoiceDetector {
    do throws(SpeechFault) { return try models.detector(threshold: settings.voiceThreshold) } catch {
      throw Failure(error.description)
    }
  }

  /// What a transcriber made of a piece of sound.
  struct Run {
    /// The last text of each utterance.
    var finals: [Transcript] = []
    var events: [(event: TranscriptEvent, at: Int64)] = []
    /// Time of the first sample.
    var origin: Timestamp
    var failure: String?
  }

  /// Feeds sound to a transcriber.
  ///
  /// - Parameter isPaced: as fast as it was spoken, else as fast as it goes.
  static func run(
    _ samples: [Int16], models: SpeechModels, detector: VoiceDetector, settings: SegmentationSettings,
    isPaced: Bool
  ) throws -> Run {
    let log = Mutex<[(event: TranscriptEvent, at: Int64)]>([])
    let transcriber: Transcriber
    do throws(SpeechFault) {
      _ = try models.recogniser()
      transcriber = Transcriber(
        settings: settings, detector: detector,
        recogniser: { () throws(SpeechFault) in try models.recogniser() }, now: linux_monotonic_ns,
        report: { event in log.withLock { $0.append((event, linux_monotonic_ns())) } })
    } catch { throw Failure(error.description) }
    let begun = linux_monotonic_ns()
    var run = Run(origin: Timestamp(nanoseconds: begun))
    let size = 512
    var position = 0
    while position < samples.count {
      let block = Array(samples[position..<min(position + size, samples.count)])
      let captured = begun + Int64(Double(position) / Double(AudioBlock.rate) * 1e9)
      position += block.count
      let due = begun + Int64(Double(position) / Double(AudioBlock.rate) * 1e9)
      if isPaced {
        let wait = due - linux_monotonic_ns()
        if wait > 0 { usleep(UInt32(wait / 1000)) }
      }
      transcriber.feed(
        AudioBlock(
          microphone: "file", samples: block, captured: Timestamp(nanoseconds: captured),
          received: Timestamp(nanoseconds: linux_monotonic_ns())))
    }
    transcriber.flush()
    transcriber.stop()
    run.events = log.withLock { $0 }
    var texts: [UInt64: Transcript] = [:]
    var order: [UInt64] = []
    for (event, _) in run.events {
      switch event {
      case .transcript(let transcript) where transcript.state == .final:
        if texts[transcript.number] == nil { order.append(transcript.number) }
        texts[transcript.number] = transcript
      case .dropped(let number, _): texts[number] = nil
      case .failed(let problem): run.failure = problem
      default: break
      }
    }
    run.finals = order.compactMap { texts[$0] }
    return run
  }
}

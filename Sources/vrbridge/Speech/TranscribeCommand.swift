import ArgumentParser
import Assistant
import Bridge
import CLinux
import CommandSupport
import Microphones
import Spatial
import Speech

struct TranscribeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "transcribe",
    abstract: "Transcribe the speech in sound files with the bridge's settings.",
    discussion: discussion(examples: "vrbridge transcribe talk.wav", "vrbridge transcribe --json *.wav"))

  @Argument(help: ArgumentHelp("WAV files.", valueName: "file"), completion: .file())
  var files: [String]

  @Flag(help: "Print JSON, one object per utterance.")
  var json = false

  @Flag(help: "Print rejected sounds with the reason to standard error.")
  var dropped = false

  @OptionGroup var options: ModelOptions

  private struct Utterance: Encodable {
    var file: String
    /// Seconds of the file.
    var start: Double
    var end: Double
    var text: String
    var confidence: Double?
  }

  func run() throws {
    let (models, settings) = try SpeechSetup.models(options)
    for file in files {
      let recording = try RecordedSpeech(
        try SoundFile.read(file), models: models,
        detector: try models.detector(threshold: settings.voiceThreshold), settings: settings, isPaced: false,
        now: linux_monotonic_ns)
      if let failure = recording.failure { throw CommandError("recognition-failed", "\(file): \(failure)") }
      if dropped {
        for case .dropped(_, let reason) in recording.events.map(\.event) {
          Terminal.complain("\(file): left out: \(reason)")
        }
      }
      for transcript in recording.finals {
        let utterance = Utterance(
          file: file, start: transcript.start.seconds(since: recording.origin),
          end: transcript.end.seconds(since: recording.origin), text: transcript.text,
          confidence: transcript.confidence.finite)
        if json {
          print(JSONLine.text(utterance))
        } else {
          print(
            "\(Terminal.number(utterance.start, 2)) to \(Terminal.number(utterance.end, 2)) s: \(Terminal.field(utterance.text))"
          )
        }
      }
    }
  }
}

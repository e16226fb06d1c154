import ArgumentParser
import Dialogue
import Foundation
import Inference
import Microphones
import Sensing
import Speech

struct WakeBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "wake",
    abstract: "False alarms and misses of a wake word, or of the wake phrase that is looked for in the text.",
    discussion: """
      Counts how often the phrase is heard in recordings in which nobody says it, and in how many of those that begin \
      with it it is missed. Benchmarks/say.sh makes recordings of a phrase with espeak-ng's voices.
      """)

  @Option(help: ArgumentHelp("A wake word's model in the registry.", valueName: "name"))
  var model: String?

  @Option(help: "Without a model: the phrase at the start of the text.")
  var phrase = "hey bridge"

  @Option(help: "Sureness from which a wake word counts as said.")
  var threshold = 0.5

  @Option(help: ArgumentHelp("Recordings without the phrase.", valueName: "folder"))
  var data: String

  @Option(help: ArgumentHelp("Recordings that begin with the phrase.", valueName: "folder"))
  var said: String?

  @OptionGroup var options: ModelOptions

  func run() async throws {
    let host = try options.host()
    let before = Double(clock()) / 1e6
    var seconds = 0.0
    var alarms = 0
    for file in try Self.recordings(data) {
      let samples = try Self.samples(file)
      seconds += Double(samples.count) / Double(AudioBlock.rate)
      let found = try await hits(samples, host)
      alarms += found
      if found > 0 { print("heard where it is not: \(file)") }
    }
    let cost = (Double(clock()) / 1e6 - before) / max(seconds, 1)
    let hours = seconds / 3600
    print(
      "false alarms       \(alarms) in \(Terminal.number(hours * 60, 1)) minutes: \(Terminal.number(Double(alarms) / hours, 1)) an hour"
    )
    print("processor          \(Terminal.number(cost * 100, 2)) % of a core")
    guard let said else { return }
    var missed: [String] = []
    let files = try Self.recordings(said)
    for file in files where try await hits(try Self.samples(file), host) == 0 { missed.append(file) }
    print("missed             \(missed.count) of \(files.count)")
    for file in missed { print("  \((file as NSString).lastPathComponent)") }
  }

  /// How often the phrase is heard.
  private func hits(_ samples: [Int16], _ host: ModelHost) async throws -> Int {
    if let model { return try await word(samples, WakeWordStream(host: host, name: model)) }
    let (models, settings) = try SpeechSetup.models(options)
    let run = try SpeechSetup.run(
      samples, models: models, detector: try SpeechSetup.detector(models, settings), settings: settings,
      isPaced: false)
    if let failure = run.failure { throw Failure(failure) }
    let wanted = WakePhrase(phrase)
    var found: Set<UInt64> = []
    for case .transcript(let transcript) in run.events.map(\.event)
    where wanted.rest(of: transcript.text) != nil {
      found.insert(transcript.number)
    }
    return found.count
  }

  private func word(_ samples: [Int16], _ stream: WakeWordStream) async throws -> Int {
    var stream = stream
    let quiet = [Float](repeating: 0, count: 2 * AudioBlock.rate)
    let sound = quiet + samples.map { Float($0) / 32_768 } + quiet.prefix(AudioBlock.rate)
    var count = 0
    var last = -Double.infinity
    do throws(InferenceError) {
      for start in stride(from: 0, through: sound.count - WakeWordStream.step, by: WakeWordStream.step) {
        let score = try await stream.add(Array(sound[start..<start + WakeWordStream.step]))
        let time = Double(start) / Double(AudioBlock.rate)
        guard let score, score.sureness >= threshold, time - last > 2 else { continue }
        last = time
        count += 1
      }
    } catch { throw Failure(error.description) }
    return count
  }

  private static func recordings(_ folder: String) throws -> [String] {
    let names = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
    let files = names.filter { $0.hasSuffix(".wav") }.sorted().map { folder + "/" + $0 }
    guard !files.isEmpty else { throw Failure("\(folder) holds no WAV files") }
    return files
  }

  private static func samples(_ file: String) throws -> [Int16] {
    do throws(MicrophoneFault) { return try SoundFile.read(file) } catch { throw Failure(error.description) }
  }
}

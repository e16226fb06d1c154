import Foundation
import Glibc
import TestSupport
import Testing

/// Sound through the real capture path on a machine without a sound card, and the commands about speech.
@Suite(.serialized, .enabled(if: Models.hear, "needs the models that 'make test' fetches"))
struct SpeechCommandTests {
  private func environment(_ extra: [String: String] = [:]) throws -> [String: String] {
    [
      "VRBRIDGE_SOCKET": try TestPaths.temporaryFolder() + "/s",
      // Sound servers' clients make folders there.
      "XDG_CONFIG_HOME": try TestPaths.temporaryFolder(),
      "VRBRIDGE_MODELS": Models.folder, "VRBRIDGE_SHERPA_ONNX": Models.speechRuntime,
      "VRBRIDGE_STATE": Models.state,
      "TERM": "dumb",
    ].merging(extra) { $1 }
  }

  /// Headerless 16-bit samples of a spoken sentence, with a second of silence before it.
  private func raw(_ text: String) async throws -> String {
    let folder = try TestPaths.temporaryFolder()
    let said = try await Program.run(
      "/usr/bin/espeak-ng", ["-v", "en-us", "-s", "150", "-w", folder + "/a.wav", text])
    #expect(said.code == 0)
    let script = """
      import audioop, sys, wave
      w = wave.open(sys.argv[1]); data = w.readframes(w.getnframes())
      data, _ = audioop.ratecv(data, 2, w.getnchannels(), w.getframerate(), 16000, None)
      open(sys.argv[2], "wb").write(bytes(32000) + data + bytes(64000))
      """
    let made = try await Program.run(
      "/usr/bin/env", ["python3", "-c", script, folder + "/a.wav", folder + "/a.raw"])
    #expect(made.code == 0, "\(made.errors)")
    return folder + "/a.raw"
  }

  private func transcripts(_ lines: [String]) -> [String] {
    lines.filter { $0.contains("\"kind\":\"speech\"") && $0.contains("\"text_state\":\"final\"") }
  }

  /// SDL's disk driver gives a file's samples as a microphone would, at their pace.
  @Test func aMicrophoneOfSDLIsHeardAtAClient() async throws {
    let environment = try environment([
      "SDL_AUDIODRIVER": "disk", "SDL_DISKAUDIOFILEIN": try await raw("start recording the red pump"),
    ])
    let daemon = try Program(
      "vrbridge", ["run", "--no-hardware", "--microphone", "auto", "--activation", "always"],
      environment: environment)
    #expect(await eventually { daemon.errors.contains("listening") }, "\(daemon.errors)")
    let watch = try Program("vrbridge", ["watch", "--annotations", "--json"], environment: environment)
    #expect(await eventually(within: 40) { !transcripts(watch.lines).isEmpty }, "\(daemon.errors)")
    let line = transcripts(watch.lines).first ?? ""
    #expect(line.lowercased().contains("red pump"), "\(line)")
    watch.signal(SIGKILL)
    daemon.signal(SIGTERM)
    #expect(await daemon.exitCode(within: 10) == 0)
  }

  /// A sound server whose microphone is a pipe: it dies, and what it gives is heard again when it is back.
  @Test(
    .enabled(
      if: FileManager.default.isExecutableFile(atPath: "/usr/bin/pulseaudio"), "needs pulseaudio"))
  func aSoundServerMayGoAndComeBack() async throws {
    let folder = try TestPaths.temporaryFolder()
    try FileManager.default.createDirectory(atPath: folder + "/pulse", withIntermediateDirectories: true)
    let raw = try await raw("start recording the red pump")
    func server() throws -> Program {
      try Program(
        "/usr/bin/pulseaudio",
        [
          "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "-L",
          "module-native-protocol-unix auth-anonymous=1 socket=\(folder)/pulse/native", "-L",
          "module-pipe-source source_name=vrmic file=\(folder)/mic.fifo format=s16le rate=16000 channels=1",
          // SDL 2.26 falls over a server without any output.
          "-L", "module-null-sink",
        ], environment: ["HOME": folder, "XDG_RUNTIME_DIR": folder])
    }
    let environment = try environment([
      "SDL_AUDIODRIVER": "pulseaudio", "PULSE_SERVER": "unix:\(folder)/pulse/native", "HOME": folder,
    ])
    var sound = try server()
    #expect(
      await eventually { FileManager.default.fileExists(atPath: folder + "/mic.fifo") }, "\(sound.errors)")
    let daemon = try Program(
      "vrbridge", ["run", "--no-hardware", "--microphone", "auto", "--activation", "always"],
      environment: environment)
    #expect(await eventually { daemon.errors.contains("is open") }, "\(daemon.errors)")
    let watch = try Program("vrbridge", ["watch", "--annotations", "--json"], environment: environment)
    for round in 1...2 {
      // At the pace at which it was spoken: the pipe's reader takes what it gets.
      let script = """
        import sys, time
        data = open(sys.argv[1], "rb").read()
        with open(sys.argv[2], "wb", buffering=0) as pipe:
            for start in range(0, len(data), 3200):
                pipe.write(data[start:start + 3200]); time.sleep(0.1)
        """
      let feed = try Program("/usr/bin/env", ["python3", "-c", script, raw, folder + "/mic.fifo"])
      #expect(
        await eventually(within: 40) { transcripts(watch.lines).count >= round }, "\(round): \(daemon.errors)"
      )
      feed.signal(SIGKILL)
      guard round == 1 else { break }
      sound.signal(SIGKILL)
      #expect(await eventually(within: 15) { daemon.errors.contains("is disconnected") }, "\(daemon.errors)")
      try? FileManager.default.removeItem(atPath: folder + "/mic.fifo")
      try? FileManager.default.removeItem(atPath: folder + "/pulse/native")
      sound = try server()
      #expect(
        await eventually(within: 15) {
          daemon.errors.components(separatedBy: "is open").count >= 3
        }, "\(daemon.errors)")
    }
    // The sound server may have lost some samples, and a word with them.
    #expect(
      transcripts(watch.lines).contains { $0.lowercased().contains("recording") },
      "\(transcripts(watch.lines)) \(daemon.errors)")
    for program in [watch, daemon, sound] { program.signal(SIGKILL) }
  }

  @Test func withoutASoundCardThereIsOneSentence() async throws {
    let environment = try environment(["SDL_AUDIODRIVER": "alsa"])
    let list = try await Program.run("vrbridge", ["microphones"], environment: environment)
    #expect(list.output.contains("no microphone") || list.errors.contains("sound system"), "\(list)")
    let daemon = try Program(
      "vrbridge", ["run", "--no-hardware", "--microphone", "auto"], environment: environment)
    #expect(await eventually(within: 10) { daemon.errors.contains("can't be opened") }, "\(daemon.errors)")
    try await Task.sleep(for: .seconds(2.5))
    // It is tried again each second, and said once.
    #expect(daemon.errors.components(separatedBy: "can't be opened").count == 2)
    daemon.signal(SIGTERM)
    #expect(await daemon.exitCode(within: 10) == 0)
  }

  @Test func filesAreTranscribedAndStrangersNamed() async throws {
    let folder = try TestPaths.temporaryFolder()
    _ = try await Program.run(
      "/usr/bin/espeak-ng", ["-v", "en-us", "-w", folder + "/a.wav", "open the second door"])
    let environment = try environment()
    let result = try await Program.run(
      "vrbridge", ["transcribe", "--json", folder + "/a.wav"], environment: environment, within: 60)
    #expect(
      result.code == 0 && result.output.lowercased().contains("open the second door"), "\(result.errors)")
    try Data("no sound".utf8).write(to: URL(fileURLWithPath: folder + "/b.wav"))
    for (file, message) in [(folder + "/b.wav", "is no WAV file"), ("/nonexistent.wav", "can't be read")] {
      let result = try await Program.run("vrbridge", ["transcribe", file], environment: environment)
      #expect(result.code == 2 && result.errors.contains(message), "\(result.errors)")
    }
    let missing = try await Program.run(
      "vrbridge", ["transcribe", folder + "/a.wav"],
      environment: environment.merging(["VRBRIDGE_SHERPA_ONNX": "/nonexistent"]) { $1 })
    #expect(
      missing.code == 2 && missing.errors.contains("vrbridge models pull sherpa-onnx"), "\(missing.errors)")
  }

  @Test func theBenchmarkCountsWordErrors() async throws {
    let folder = try TestPaths.temporaryFolder()
    _ = try await Program.run(
      "/usr/bin/espeak-ng", ["-v", "en-us", "-w", folder + "/a.wav", "the red pump is warm"])
    try "[{\"id\": \"a\", \"wav\": \"a.wav\", \"text\": \"the red pump is cold\"}]".write(
      toFile: folder + "/transcripts.json", atomically: true, encoding: .utf8)
    let result = try await Program.run(
      "vrbridge", ["bench", "speech", "--data", folder, "--json"], environment: try environment(), within: 60)
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any], "\(result.errors)")
    #expect(object["wer"] as? Double == 0.2 && object["words"] as? Int == 5)
    #expect((object["rtf"] as? Double ?? 0) > 0)
    #expect((object["final_s"] as? [String: Double])?["p50"] ?? 0 > 0.3)
  }

  @Test func promptAndSummariseSayWhatIsMissing() async throws {
    let environment = try environment()
    let prompt = try await Program.run("vrbridge", ["prompt", "hello"], environment: environment)
    #expect(prompt.code == 2 && prompt.errors.contains("no bridge answers"))
    let none = try await Program.run("vrbridge", ["summarise", "/nonexistent"], environment: environment)
    #expect(none.code == 2 && none.errors.contains("can't be read"))
    let wrong = try await Program.run(
      "vrbridge", ["run", "--language-model", "nonsense"], environment: environment)
    #expect(wrong.code == 64 && wrong.errors.contains("http://HOST:PORT"))
  }

  @Test func aWakeWordIsNamedByItsModel() async throws {
    let bare = try await Program.run(
      "vrbridge", ["run", "--activation", "word", "--print-config"], environment: try environment())
    #expect(bare.code != 0 && bare.errors.contains("--wake-model"), "\(bare.errors)")
    let named = try await Program.run(
      "vrbridge", ["run", "--wake-model", "wake-alexa", "--print-config"], environment: try environment())
    #expect(named.code == 0 && named.output.contains("activation: word"), "\(named.errors)")
    #expect(named.output.contains("wake_model: \"wake-alexa\""), "\(named.output)")
  }

  @Test func speechIsConfiguredStrictly() async throws {
    let folder = try TestPaths.temporaryFolder()
    let environment = try environment()
    func check(_ text: String) async throws -> (code: Int32?, output: String, errors: String) {
      try text.write(toFile: folder + "/c.yaml", atomically: true, encoding: .utf8)
      return try await Program.run(
        "vrbridge", ["run", "--config", folder + "/c.yaml", "--print-config"], environment: environment)
    }
    let text = """
      speech:
        microphones: [auto]
        activation: button
        button: left_hand/input/x/click
        digits: true
        voice_threshold: 0.3
        partial_ms: 0
        server: { address: "http://127.0.0.1:9/v1", model: whisper-1 }
      language_model: { address: "http://127.0.0.1:8080/v1/", model: gemma, picture: true }
      http: { address: "127.0.0.1:8000" }
      """
    let good = try await check(text)
    #expect(good.code == 0, "\(good.errors)")
    #expect(
      good.output.contains("activation: button") && good.output.contains("voice_threshold: 0.3")
        && good.output.contains("\"http://127.0.0.1:8080/v1\""))
    // What is printed is read again as the same.
    let again = try await check(good.output)
    let strip = { (text: String) in text.split(separator: "\n").map { $0.prefix { $0 != "#" } } }
    #expect(strip(again.output) == strip(good.output), "\(again.errors)")
    for (text, message) in [
      ("speech: { activation: shout }", "always, phrase, word, button"),
      ("speech: { activation: word }", "'wake_model'"),
      ("speech: { activation: word, wake_model: x, wake_threshold: 2 }", "0.01 to 0.99"),
      ("speech: { wake_phrase: '!!' }", "letters"),
      ("speech: { button: x }", "right_hand/input/a/click"), ("speech: { typo: 1 }", "unknown key"),
      ("language_model: { address: here }", "http://"), ("language_model: { model: x }", "address"),
    ] {
      let bad = try await check(text)
      #expect(bad.code == 2 && bad.errors.contains(message), "\(text): \(bad.errors)")
    }
  }
}

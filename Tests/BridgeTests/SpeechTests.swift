import Assistant
import Bridge
import BridgeClient
import BridgeProtocol
import Dialogue
import Foundation
import Inference
import MCAP
import Sensing
import SessionLog
import Speech
import SwiftProtobuf
import Synchronization
import TestSupport
import Testing
import TrackingPipeline

/// A language model with a fixed answer.
private final class SpokenModel: LanguageModel {
  let identity = "test-model"
  private let pieces: [String]
  private let pause: Duration
  private let cut: Bool
  let requests = Mutex<[ChatRequest]>([])
  let cancelled = Mutex(0)

  init(_ pieces: [String], pause: Duration = .milliseconds(60), cut: Bool = false) {
    self.pieces = pieces
    self.pause = pause
    self.cut = cut
  }

  func answer(_ request: ChatRequest) -> AsyncThrowingStream<ChatEvent, any Error> {
    requests.withLock { $0.append(request) }
    return AsyncThrowingStream { continuation in
      let task = Task {
        for piece in pieces {
          try? await Task.sleep(for: pause)
          if Task.isCancelled {
            cancelled.withLock { $0 += 1 }
            return continuation.finish(throwing: CancellationError())
          }
          continuation.yield(.text(piece))
        }
        if cut { return continuation.finish(throwing: ChatError(.interrupted, "the answer broke off")) }
        continuation.yield(.ended(ChatEnding(reason: "stop", promptTokens: 9, answerTokens: 3)))
        continuation.finish()
      }
      continuation.onTermination = { _ in task.cancel() }
    }
  }
}

@Suite(.serialized) struct SpeechTests {
  /// Collects the speech annotations at a client until a condition holds.
  private func collect(
    _ bridge: TestBridge, say texts: [String] = [], within seconds: Double = 20,
    stream: Vrbridge_V1_Stream = .speech,
    until isEnough: @escaping @Sendable ([Vrbridge_V1_Annotation]) -> Bool
  ) async throws -> [Vrbridge_V1_Annotation] {
    let socket = bridge.socket
    return try await onThread {
      let connection = try BridgeConnection(path: socket, clientName: "test")
      _ = try connection.request(.subscribe(.with { $0.streams = [stream] }))
      var all: [Vrbridge_V1_Annotation] = []
      func take(_ frame: ServerFrame) {
        if case .annotations(let batch) = frame.message { all += batch.annotations }
      }
      for text in texts {
        _ = try connection.request(.ask(.with { $0.text = text })) { take($0) }
      }
      let end = Date().addingTimeInterval(seconds)
      while Date() < end, !isEnough(all) {
        if let frame = try connection.receive(within: 0.2) { take(frame) }
      }
      return all
    }
  }

  @Test func anAnswerGrowsInOneAnnotation() async throws {
    let model = SpokenModel(["It ", "is ", "a ", "cup."])
    let bridge = try TestBridge(language: model) { $0.demo = Setting(.always, from: "test") }
    #expect(
      await eventually {
        (try? await bridge.devices().contains { $0.role == .head && $0.health.reports > 50 }) == true
      })
    let all = try await collect(bridge, say: ["what is this?"]) {
      $0.contains { $0.kind == .answer && $0.textState == .final }
    }
    await bridge.stop()
    let answers = all.filter { $0.kind == .answer }
    #expect(Set(answers.map(\.id)).count == 1)
    #expect(answers.last?.label == "It is a cup." && answers.last?.model == "test-model")
    #expect(answers.contains { $0.textState == .partial && $0.label == "It " })
    #expect(all.contains { $0.kind == .intent && $0.label == "what is this" })
    // 1.5 m ahead, where no object is gazed at.
    #expect(answers.last?.anchor.space == .world && answers.last?.anchor.distance == 1.5)
    let request = try #require(model.requests.withLock { $0.first })
    #expect(
      request.messages.last?.text == "what is this?"
        && request.messages.first?.text.contains("the head looks") == true)
  }

  @Test func aBrokenAnswerIsMarkedAndANewQuestionInterruptsTheOld() async throws {
    let cut = try TestBridge(language: SpokenModel(["Half "], cut: true))
    let broken = try await collect(cut, say: ["tell me more"]) {
      $0.contains { $0.textState == .interrupted }
    }
    await cut.stop()
    #expect(broken.last { $0.kind == .answer }?.label == "Half (interrupted: the answer broke off)")
    let slow = SpokenModel(["a ", "b ", "c ", "d ", "e ", "f "], pause: .milliseconds(400))
    let bridge = try TestBridge(language: slow)
    let all = try await collect(bridge, say: ["first question", "second question"]) { list in
      list.contains { $0.kind == .answer && $0.textState == .final }
    }
    await bridge.stop()
    #expect(slow.cancelled.withLock { $0 } == 1)
    #expect(all.filter { $0.kind == .answer && $0.textState == .final }.count == 1)
  }

  @Test func theConversationIsKeptUntilItIsForgotten() async throws {
    let model = SpokenModel(["Blue."], pause: .milliseconds(1))
    let bridge = try TestBridge(language: model)
    @Sendable func isAnswered(_ list: [Vrbridge_V1_Annotation]) -> Bool {
      list.contains { $0.kind == .answer && $0.textState == .final }
    }
    _ = try await collect(bridge, say: ["which colour is it?"], until: isAnswered)
    _ = try await collect(bridge, say: ["are you sure?"], until: isAnswered)
    let second = try #require(model.requests.withLock { $0.last })
    #expect(second.messages.map(\.text).dropFirst() == ["which colour is it?", "Blue.", "are you sure?"])
    // A command that deletes requires a confirmation.
    let asked = try await collect(bridge, say: ["forget everything"]) { $0.contains { $0.kind == .intent } }
    #expect(asked.last?.label == "forget? Say yes.")
    let done = try await collect(bridge, say: ["yes"]) { $0.contains { $0.label == "forgotten" } }
    #expect(done.contains { $0.label == "forgotten" })
    _ = try await collect(bridge, say: ["and now?"], until: isAnswered)
    #expect(model.requests.withLock { $0.last }?.messages.count == 2)
    await bridge.stop()
  }

  @Test func withoutALanguageModelCommandsWorkAndQuestionsNameTheSetting() async throws {
    let folder = try TestPaths.temporaryFolder()
    let bridge = try TestBridge { configuration in
      configuration.demo = Setting(.always, from: "test")
      configuration.stateFolder = folder
    }
    let all = try await collect(bridge, say: ["recenter the view", "how old is that?", "start recording"]) {
      list in
      list.contains { $0.label.hasPrefix("recording to") }
    }
    #expect(all.contains { $0.kind == .intent && $0.label == "recentred" })
    #expect(all.contains { $0.kind == .answer && $0.label.contains("language_model: address") })
    let connection = try await bridge.connect()
    let status = try await connection.request(.getRecording(Vrbridge_V1_GetRecording())).recordingStatus
    #expect(status.running && status.path.hasPrefix(folder + "/recordings/"))
    _ = try await collect(bridge, say: ["stop recording", "yes"]) {
      $0.contains { $0.label == "recording stopped" }
    }
    #expect(
      await eventually(within: 10) {
        (try? await connection.request(.getRecording(Vrbridge_V1_GetRecording())).recordingStatus.running)
          == false
      })
    await bridge.stop()
  }

  @Test func aPromptIsPreviewedAndNotSent() async throws {
    let model = SpokenModel(["x"])
    let bridge = try TestBridge(language: model)
    let connection = try await bridge.connect()
    let prompt = try await connection.request(
      .ask(
        .with {
          $0.text = "how big is it?"
          $0.explain = true
        })
    ).prompt
    #expect(prompt.parts.map(\.role) == ["system", "user"] && prompt.parts.last?.text == "how big is it?")
    #expect(prompt.tokens > 50 && prompt.destination.contains("test-model"))
    #expect(model.requests.withLock { $0.isEmpty })
    await #expect(throws: BridgeClientError.self) { try await connection.request(.ask(Vrbridge_V1_Ask())) }
    await bridge.stop()
  }

  // MARK: with sound

  private func configure(_ configuration: inout Configuration, _ file: String) {
    configuration.models.value.folder = Models.folder
    configuration.models.value.speechRuntime = Models.speechRuntime
    if let key = try? SigningKey.load(file: Models.state + "/keys/models.key") {
      configuration.models.value.trustedKeys = [SigningKey.publicText(key)]
    }
    configuration.speech.value.microphones = ["file:" + file]
    configuration.demo = Setting(.always, from: "test")
  }

  private func speak(_ text: String) async throws -> String {
    let file = try TestPaths.temporaryFolder() + "/speech.wav"
    let result = try await Program.run(
      "/usr/bin/espeak-ng", ["-v", "en-us", "-s", "140", "-m", "-w", file, text])
    #expect(result.code == 0)
    return file
  }

  @Test(.enabled(if: Models.hear, "needs the models that 'make test' fetches"))
  func aSpokenQuestionIsAnsweredAndRecordedWhereConfigured() async throws {
    let file = try await speak("Hey bridge. What am I looking at?")
    let folder = try TestPaths.temporaryFolder()
    let model = SpokenModel(["Nothing ", "yet."])
    let bridge = try TestBridge(language: model) { configuration in
      configure(&configuration, file)
      configuration.record = Setting(
        RecordingPlan(path: folder + "/with.mcap", streams: [.annotations, .microphone]), from: "test")
    }
    let all = try await collect(bridge, within: 60) {
      $0.contains { $0.kind == .answer && $0.textState == .final }
    }
    await bridge.stop()
    #expect(all.contains { $0.kind == .listening && $0.label == "speech.wav" })
    let transcript = try #require(all.last { $0.kind == .transcript && $0.textState == .final })
    #expect(TextNormaliser.words(transcript.label).joined(separator: " ") == "what am i looking at")
    #expect(transcript.model == "speech-recognition" && transcript.modelDigest.count == 64)
    #expect(all.contains { $0.kind == .intent && $0.label == "what is this" })
    #expect(all.last { $0.kind == .answer }?.label == "Nothing yet.")
    // The session holds the sound, the annotations, and the exact prompt.
    let lines = try SessionNotes.lines(folder + "/with.mcap")
    #expect(
      lines.contains { $0.contains("said: ") } && lines.contains { $0.contains("answered: Nothing yet.") })
    var seconds = 0.0
    var prompts: [String] = []
    try SessionReader(path: folder + "/with.mcap").read { record, _ in
      if case .audio(_, let block) = record { seconds += Double(block.data.count) / 32_000 }
      if case .other(.prompts, let bytes) = record {
        prompts.append(try Foxglove_Log(serializedBytes: Array(bytes)).message)
      }
      return .goOn
    }
    #expect(seconds > 2)
    let sent = try #require(model.requests.withLock { $0.first })
    #expect(prompts.count == 1 && sent.messages.allSatisfy { prompts[0].contains($0.text) })

    // In a replay the recorded sound is transcribed again; without the microphone stream no speech is recorded.
    let player = try SessionPlayer(
      path: folder + "/with.mcap", options: SessionPlayer.Options(speed: 1, isPaused: true))
    let again = try TestBridge(replay: player, language: SpokenModel(["Again."])) { configuration in
      configure(&configuration, file)
      configuration.demo = Setting(.never, from: "test")
      configuration.record = Setting(
        RecordingPlan(path: folder + "/without.mcap", streams: [.annotations]), from: "test")
    }
    player.togglePause()
    let heard = try await collect(again, within: 60) {
      $0.contains { $0.kind == .answer && $0.label == "Again." }
    }
    await again.stop()
    #expect(heard.contains { $0.kind == .transcript && $0.label == transcript.label })
    #expect(
      try SessionNotes.lines(folder + "/without.mcap").allSatisfy {
        !$0.contains("said") && !$0.contains("answered")
      })
  }

  /// A question in a public recording of a person.
  @Test(
    .enabled(if: Models.hear, "needs the models that 'make test' fetches"),
    .enabled(if: TestPaths.hasCorpus, "needs VRBRIDGE_CORPUS"))
  func aRecordedQuestionIsAnswered() async throws {
    let file = (TestPaths.corpus ?? "") + "/speech/wav/lso-2414-128291-0000.wav"
    let model = SpokenModel(["You are ", "asleep, ", "and dream."])
    let bridge = try TestBridge(language: model) { configuration in
      configure(&configuration, file)
      configuration.speech.value.activation = .always
    }
    let all = try await collect(bridge, within: 60) {
      $0.contains { $0.kind == .answer && $0.textState == .final }
    }
    await bridge.stop()
    // The text says "what hath happened unto me".
    let transcript = try #require(all.last { $0.kind == .transcript && $0.textState == .final })
    let words = TextNormaliser.words(transcript.label)
    #expect(words.first == "what" && words.last == "me" && words.contains("happened"), "\(words)")
    #expect(all.contains { $0.kind == .transcript && $0.textState == .partial })
    let answers = all.filter { $0.kind == .answer }
    #expect(Set(answers.map(\.id)).count == 1 && answers.last?.label == "You are asleep, and dream.")
    #expect(zip(answers, answers.dropFirst()).allSatisfy { $1.label.hasPrefix($0.label) })
    #expect(answers.allSatisfy { $0.hasAnchor })
    let sent = try #require(model.requests.withLock { $0.first })
    #expect(sent.messages.last?.text.contains(transcript.label) == true)
  }

  @Test(.enabled(if: Models.hear, "needs the models that 'make test' fetches"))
  func speechThatIsNotAddressedIsNotPublished() async throws {
    let file = try await speak("The weather is fine today.")
    let bridge = try TestBridge { configure(&$0, file) }
    let all = try await collect(bridge, within: 8) { _ in false }
    await bridge.stop()
    #expect(all.contains { $0.kind == .listening })
    #expect(!all.contains { $0.kind == .transcript || $0.kind == .intent || $0.kind == .answer })
  }

  @Test(.enabled(if: Models.hear && Models.wake, "needs the models that 'make test' fetches"))
  func withAWakeWordOnlySpeechAfterItIsTranscribed() async throws {
    let file = try await speak(
      "<speak>The weather is fine today.<break time='2500ms'/>Hey Rhasspy, what is this?"
        + "<break time='2500ms'/>Start recording.</speak>")
    let bridge = try TestBridge { configuration in
      configure(&configuration, file)
      configuration.models.value.runtime = Models.runtime
      configuration.speech.value.activation = .word
      configuration.speech.value.wakeModel = "wake-hey-rhasspy"
    }
    let all = try await collect(bridge, within: 40) { list in
      list.contains { $0.kind == .intent && $0.label == "what is this" }
    }
    // Later speech is not addressed until the wake word is repeated.
    let later = try await collect(bridge, within: 4) { _ in false }
    await bridge.stop()
    let woken = try #require(all.first { $0.kind == .intent && $0.label == "listening: hey rhasspy" })
    #expect(woken.confidence > 0.5)
    let heard = (all + later).filter { $0.kind == .transcript && $0.textState == .final }.map(\.label)
    #expect(
      !heard.isEmpty && heard.allSatisfy { TextNormaliser.words($0).joined(separator: " ") == "what is this" }
    )
    #expect(!(all + later).contains { $0.label.contains("weather") || $0.label.contains("recording") })
  }

  @Test(.enabled(if: Models.hear, "needs the models that 'make test' fetches"))
  func withAButtonOnlySpeechWhileItIsHeldIsTranscribed() async throws {
    let file = try await speak("Start recording. Start recording. Start recording. Start recording.")
    let bridge = try TestBridge { configuration in
      configure(&configuration, file)
      configuration.speech.value.activation = .button
    }
    let quiet = try await collect(bridge, within: 2.5) { _ in false }
    #expect(!quiet.contains { $0.kind == .transcript })
    let connection = try await bridge.connect()
    try await connection.request(.listen(.with { $0.held = true }))
    // The listening annotation is published each second.
    let loud = try await collect(bridge, within: 30) { list in
      list.contains { $0.kind == .transcript } && list.contains { $0.kind == .listening && !$0.ended }
    }
    #expect(loud.contains { $0.kind == .transcript } && loud.contains { $0.kind == .listening && !$0.ended })
    try await connection.request(.listen(.with { $0.held = false }))
    await bridge.stop()
  }
}

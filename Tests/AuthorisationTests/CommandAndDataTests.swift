import Admission
import Authorisation
import Dialogue
import Sensing
import SessionLog
import Testing

@testable import Assistant
@testable import FoxgloveServer
@testable import Interop

/// The decision on each spoken command, topic of Foxglove and message of VRPN for each client.
struct CommandAndDataTests {
  // As the rows of the routes, then: speech, speech with 'speech: manage'
  private static let commands: [(intent: Intent, decisions: String)] = [
    (.recenter, "+ + manage + manage token manage none manage +"),
    (.startRecording, "+ + manage + manage token manage none manage +"),
    (.stopRecording, "+ + manage + manage token manage none manage +"),
    (.label("a"), "+ + microphone + microphone token microphone none + +"),
    (.note("a"), "+ + microphone + microphone token microphone none + +"),
    (.ask("a"), "+ + microphone + microphone token microphone none + +"),
    (.describe, "+ + microphone + microphone token microphone none + +"),
    (.forget, "+ + microphone + microphone token microphone none + +"),
    (.cancel, "+ + microphone + microphone token microphone none + +"),
    (.confirm, "+ + microphone + microphone token microphone none + +"),
    (.refuse, "+ + microphone + microphone token microphone none + +"),
  ]

  @Test func commandsAreDecidedAsTheTableSays() throws {
    let policy = AccessPolicy()
    for (intent, decisions) in Self.commands {
      let action = Action.command(intent.command)
      let speech = [false, true].map { manages -> String in
        switch policy.decision(on: action, by: .speech(manages: manages)) {
        case .permitted: "+"
        case .refused(let error): error.scope?.rawValue ?? "?"
        }
      }
      #expect(
        try Client.decisions(on: [action]) + " " + speech.joined(separator: " ") == decisions,
        "\(intent.name)")
    }
    // A command without a row fails.
    #expect(Self.commands.map(\.intent.command) == Action.Command.allCases)
  }

  private static let topics: [(topic: SessionTopic, decisions: String)] = [
    (.report(device: 1, part: 0, name: "imu"), "+ + + + poses token + none"),
    (.state(device: 1), "+ + + + poses token + none"),
    (.groundTruth(device: 1), "+ + + + poses token + none"),
    (.pose(device: 1), "+ + + + poses token + none"),
    (.transforms, "+ + + + poses token + none"),
    (.control(device: 1), "+ + + + controls token + none"),
    (.figures(device: 1), "+ + + + poses token + none"),
    (.events, "+ + + + poses token + none"),
    (.recorder, "+ + + + poses token + none"),
    (.log, "+ + manage + manage token manage none"),
    (.image(camera: "a"), "+ + camera + camera token camera none"),
    (.cameraCalibration(camera: "a"), "+ + camera + camera token camera none"),
    (.cameraMount(camera: "a"), "+ + camera + camera token camera none"),
    (.imageAnnotations(camera: "a"), "+ + camera + camera token camera none"),
    (.scene, "+ + camera + camera token camera none"),
    (.audio(microphone: "a"), "+ + microphone + microphone token microphone none"),
    (.speech, "+ + microphone + microphone token microphone none"),
    (.prompts, "+ + microphone + microphone token microphone none"),
  ]

  @Test func topicsAreDecidedAsTheTableSays() throws {
    for (topic, decisions) in Self.topics {
      #expect(try Client.decisions(on: [.receive(topic.data)]) == decisions, "\(topic.path)")
    }
    // The compiler reports a topic without data; every kind of data of a topic has a row.
    #expect(
      Set(Self.topics.map(\.topic.data)) == [.poses, .controls, .frames, .annotations, .speech, .log])
    #expect(try Client.decisions(on: [.connect(.foxglove)]) == "+ + + + + token + none")
  }

  private static let messages: [VRPNMessage.Kind: String] = [
    .trackerPose: "+ + + + poses token + none", .trackerVelocity: "+ + + + poses token + none",
    .buttonChange: "+ + + + controls token + none", .buttonStates: "+ + + + controls token + none",
    .analogChannel: "+ + + + controls token + none", .ping: "+ + + + + token + none",
    .pong: "+ + + + + token + none",
  ]

  @Test func messagesOfVRPNAreDecidedAsTheTableSays() throws {
    for kind in VRPNMessage.Kind.allCases {
      #expect(try Client.decisions(on: [.receive(kind.data)]) == Self.messages[kind], "\(kind.name)")
    }
    #expect(try Client.decisions(on: [.connect(.vrpn)]) == "+ + + + + token + none")
  }

  private static let data: [Action.Data: String] = [
    .poses: "+ + + + poses token + none", .controls: "+ + + + controls token + none",
    .devices: "+ + + + + token + none", .frames: "+ + camera + camera token camera none",
    .annotations: "+ + camera + camera token camera none",
    .speech: "+ + microphone + microphone token microphone none",
    .listening: "+ + camera + camera token camera none", .activity: "+ + + + + token + none",
    .log: "+ + manage + manage token manage none",
  ]

  /// The lines of `/live` consist of these.
  @Test func dataAreDecidedAsTheTableSays() throws {
    for data in Action.Data.allCases {
      #expect(try Client.decisions(on: [.receive(data)]) == Self.data[data], "\(data)")
    }
    // An open microphone concerns clients of either.
    for scope: Scope in [.camera, .microphone] {
      #expect(AccessPolicy().permits(.receive(.listening), by: Rights(.user(7), scopes: [scope])))
    }
    for kind: Annotation.Kind in [.hand, .gesture, .object, .text] {
      #expect(Action.Data(kind) == .annotations)
    }
    for kind: Annotation.Kind in [.transcript, .intent, .answer] { #expect(Action.Data(kind) == .speech) }
    #expect(Action.Data(Annotation.Kind.listening) == .listening)
  }

  /// Routes, requests, commands and kinds of data compare their tables with all cases; these are the rest.
  @Test func eachOutputHasARow() { #expect(Action.Output.allCases == [.foxglove, .vrpn]) }
}

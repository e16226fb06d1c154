import Admission
import Authorisation
import BridgeProtocol
import Foundation
import Sensing
import SwiftProtobuf
import TestSupport
import Testing

@testable import Bridge

/// The decision on each request of the socket for each client.
struct RequestTests {
  // owner, member of a group, other user, token of all scopes, token of infer and metrics, no token, unknown user,
  // other machine. The socket has no tokens and serves no other machine; those columns hold for the policy.
  private static let table: [(message: ClientFrame.OneOf_Message, decisions: String)] = [
    (.hello(.init()), "+ + + + + token + none"),
    (.subscribe(.init()), "+ + + + + token + none"),
    (.subscribe(.with { $0.streams = [.poses] }), "+ + + + poses token + none"),
    (.subscribe(.with { $0.streams = [.controls] }), "+ + + + controls token + none"),
    (.subscribe(.with { $0.streams = [.devices] }), "+ + + + + token + none"),
    (.subscribe(.with { $0.streams = [.annotations] }), "+ + camera + camera token camera none"),
    (.subscribe(.with { $0.streams = [.speech] }), "+ + microphone + microphone token microphone none"),
    (
      .subscribe(.with { $0.streams = [.devices, .poses, .speech] }),
      "+ + microphone + poses token microphone none"
    ),
    (.unsubscribe(.init()), "+ + + + + token + none"),
    (.openPosePage(.init()), "+ + + + poses token + none"),
    (.listDevices(.init()), "+ + + + + token + none"),
    (.haptic(.init()), "+ + + + controls token + none"),
    (.light(.init()), "+ + + + controls token + none"),
    (.setRole(.init()), "+ + manage + manage token manage none"),
    (.recenter(.init()), "+ + manage + manage token manage none"),
    (.ping(.init()), "+ + + + + token + none"),
    (.startRecording(.init()), "+ + manage + manage token manage none"),
    (
      .startRecording(.with { $0.streams = ["states", "camera"] }),
      "+ + manage + manage token manage none"
    ),
    (.startRecording(.with { $0.streams = ["microphone"] }), "+ + manage + manage token manage none"),
    (.stopRecording(.init()), "+ + manage + manage token manage none"),
    (.getRecording(.init()), "+ + + + + token + none"),
    (.listen(.init()), "+ + microphone + microphone token microphone none"),
    (.ask(.with { $0.text = "x" }), "+ + microphone + microphone token microphone none"),
    (.forgetConversation(.init()), "+ + microphone + microphone token microphone none"),
    (.measure(.init()), "+ measure measure + measure token measure none"),
    (.shareFrames(.init()), "+ + camera + camera token camera none"),
    (.submitFrame(.init()), "+ + camera + camera token camera none"),
    (.releaseFrames(.init()), "+ + + + + token + none"),
  ]

  /// Names of the requests in the protocol's definition: the parts of the oneof of ClientFrame.
  private func definedRequests() throws -> Set<String> {
    let text = try String(
      contentsOfFile: TestPaths.root + "/Sources/BridgeProtocol/Protos/vrbridge.proto", encoding: .utf8)
    let frame = try #require(text.components(separatedBy: "message ClientFrame {").last)
    let parts = try #require(frame.components(separatedBy: "oneof message {").dropFirst().first)
    let body = try #require(parts.components(separatedBy: "}").first)
    return Set(body.matches(of: /(?m)^\s*\w+ (\w+) = \d+;/).map { String($0.1) })
  }

  /// Returns the name of a request as the definition has it.
  private func name(_ message: ClientFrame.OneOf_Message) throws -> String {
    let json = try ClientFrame.with { $0.message = message }.jsonString(
      options: {
        var options = JSONEncodingOptions()
        options.preserveProtoFieldNames = true
        return options
      }())
    let object = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any]
    return try #require(object?.keys.first)
  }

  /// A request without a row fails.
  @Test func eachRequestHasARow() throws {
    let rows = Set(try Self.table.map { try name($0.message) })
    #expect(rows == (try definedRequests()) && rows.count == 20)
    // Every stream has a row of its own.
    let streams = Self.table.compactMap { row -> Vrbridge_V1_Stream? in
      guard case .subscribe(let request) = row.message, request.streams.count == 1 else { return nil }
      return request.streams[0]
    }
    #expect(Set(streams) == Set(Vrbridge_V1_Stream.allCases).subtracting([.unspecified]))
    // Every action of the socket belongs to a request.
    let used = Set(Self.table.flatMap { Action.all(of: $0.message) })
    #expect(Set(Action.Request.allCases.map { Action.request($0) }).isSubset(of: used))
  }

  @Test func requestsAreDecidedAsTheTableSays() throws {
    for (message, decisions) in Self.table {
      let actions = Action.all(of: message)
      #expect(!actions.isEmpty)
      #expect(try Client.decisions(on: actions) == decisions, "\(message)")
    }
  }

  /// Beyond `manage`, the streams of a recording and the annotations in a prompt need the scopes of their contents.
  @Test(arguments: [
    (ClientFrame.OneOf_Message.startRecording(.with { $0.streams = ["camera"] }), "camera"),
    (.startRecording(.with { $0.streams = ["microphone"] }), "microphone"),
    (.ask(.with { $0.text = "x" }), "camera"),
  ])
  func contentsNeedTheirScopes(_ message: ClientFrame.OneOf_Message, _ scope: String) throws {
    let rights = Rights(
      .user(7), scopes: Set([.manage, .camera, .microphone].filter { $0.rawValue != scope }))
    let refusals = Action.all(of: message).compactMap { action -> AuthorisationError? in
      guard case .refused(let error) = AccessPolicy().decision(on: action, by: rights) else { return nil }
      return error
    }
    #expect(refusals.map { $0.scope?.rawValue } == [scope])
  }
}

import Assistant
import Authorisation
import BridgeProtocol
import Diagnostics
import Foundation
import Logging
import Sensing
import SwiftProtobuf
import Tracking
import TrackingPipeline
import SessionLog

/// Speech requests of clients; all that the socket server depends on of the assistant.
struct SpeechRequests: Sendable {
  /// Starts (true) or ends (false) an utterance, like a button for talking.
  var hold: @Sendable (Bool) -> Void
  /// Acts on a text with the rights of its client; false when too many requests wait.
  var ask: @Sendable (String, Rights) -> Bool
  /// Returns the prompt that the text would lead to, without sending it, and whether the client may give the command in it.
  var explain: @Sendable (String, Rights) async -> PromptPreview
  /// Deletes the conversation; false when too many requests wait.
  var forget: @Sendable () -> Bool
}

/// Handles requests of clients: checks greeting, version and rights, and forwards to devices, recording and speech.
///
/// Runs on the socket server's thread.
struct RequestHandler: Sendable {
  enum Answer {
    /// With a descriptor to pass, or −1.
    case reply(ServerFrame, descriptor: Int32)
    /// A reply that takes time; it is sent when it is ready.
    case later(@Sendable () async -> ServerFrame)
    /// The connection ends after this error.
    case refusal(RequestError)
  }

  private typealias Message = ServerFrame.OneOf_Message

  var page: PosePage
  var devices: any DeviceControl
  var recording: RecordingControl
  var speech: SpeechRequests
  var frames: FrameRequests
  var policy: AccessPolicy
  var log: Logger

  func answer(_ frame: ClientFrame, _ client: ClientConnection) -> Answer {
    var reply = ServerFrame()
    reply.replyTo = frame.requestID
    var descriptor: Int32 = -1
    do throws(RequestError) {
      if client.isGreeted { try require(frame.message, client) }
      switch frame.message {
      case .hello(let hello):
        do throws(RequestError) { reply.welcome = try greet(hello, client) } catch { return .refusal(error) }
        return .reply(reply, descriptor: -1)
      case _ where !client.isGreeted:
        return .refusal(RequestError(.helloExpected, "hello-expected", "the first message must be Hello"))
      case .openPosePage:
        descriptor = page.fileDescriptor
        reply.posePage.size = UInt64(client.readsAllSlots ? page.size : PosePage.firstRevisionSize)
        reply.posePage.layoutVersion = 1
      case .ask(let request):
        let text = try question(request)
        let (speech, template, rights) = (speech, reply, client.rights)
        return .later {
          var reply = template
          let preview = await speech.explain(text, rights)
          reply.prompt = Vrbridge_V1_Prompt(preview)
          if !request.explain {
            if let refusal = preview.refusal {
              reply.error = RequestError(.forbidden, refusal).encoded()
            } else if !speech.ask(text, rights) {
              reply.error = RequestError.tooManyQuestions.encoded()
            }
          }
          return reply
        }
      default: reply.message = try message(for: frame, client)
      }
    } catch { reply.error = error.encoded() }
    return .reply(reply, descriptor: descriptor)
  }

  private func message(
    for frame: ClientFrame, _ client: ClientConnection
  ) throws(RequestError) -> Message {
    switch frame.message {
    case .subscribe(let request):
      let id = try SubscriptionRequests.subscribe(client, request)
      return .subscribed(.with { $0.subscriptionID = id })
    case .unsubscribe(let request): try SubscriptionRequests.unsubscribe(client, request)
    case .listDevices:
      return .deviceList(.with { $0.devices = devices.statuses.map { Vrbridge_V1_Device($0) } })
    case .haptic(let request):
      let haptic = try HapticRequest(request)
      try deviceRequest { () throws(DeviceRequestError) in try devices.vibrate(haptic) }
    case .light(let request):
      let light = try LightRequest(request)
      try deviceRequest { () throws(DeviceRequestError) in try devices.shine(light) }
    case .setRole(let request):
      try deviceRequest { () throws(DeviceRequestError) in
        try devices.setRole(request.role.deviceRole, of: DeviceID(request.deviceID))
      }
    case .recenter:
      devices.recenter()
    case .measure(let request):
      try deviceRequest { () throws(DeviceRequestError) in
        try devices.measure(request.measurements.map { (DeviceID($0.deviceID), PoseMeasurement($0)) })
      }
    case .startRecording(let request):
      try startRecording(request)
      return .recordingStatus(Vrbridge_V1_RecordingStatus(recording.status))
    case .stopRecording:
      recording.requestStop()
      return .recordingStatus(Vrbridge_V1_RecordingStatus(recording.status))
    case .getRecording: return .recordingStatus(Vrbridge_V1_RecordingStatus(recording.status))
    case .listen(let request):
      speech.hold(request.held)
    case .forgetConversation:
      guard speech.forget() else { throw .tooManyQuestions }
    case .shareFrames(let request):
      let id = try frames.share(request, client)
      return .framesShared(.with { $0.ringID = id })
    case .submitFrame(let request):
      let inUse = try frames.submit(request, client)
      return .frameTaken(.with { $0.slotsInUse = inUse })
    case .releaseFrames(let request): try frames.release(request, client)
    case .ping(let ping): return .pong(.with { $0.payload = ping.payload })
    case .hello, .openPosePage, .ask, nil:
      throw RequestError(
        .unsupported, "request-unknown", "this bridge does not support the request; update it")
    }
    return .done(Vrbridge_V1_Done())
  }

  /// Checks that the client may do all that the request consists of.
  private func require(_ message: ClientFrame.OneOf_Message?, _ client: ClientConnection) throws(RequestError)
  {
    for action in message.map({ Action.all(of: $0) }) ?? [] {
      do throws(AuthorisationError) { try policy.require(action, by: client.rights) } catch {
        throw RequestError(.forbidden, error)
      }
    }
  }

  private func deviceRequest(_ body: () throws(DeviceRequestError) -> Void) throws(RequestError) {
    do { try body() } catch { throw RequestError(error.category, error) }
  }

  private func greet(
    _ hello: Vrbridge_V1_Hello, _ client: ClientConnection
  ) throws(RequestError) -> Vrbridge_V1_Welcome {
    guard hello.protocolVersion / 1000 == BridgeVersion.current / 1000 else {
      let (ours, theirs) = (BridgeVersion.current / 1000, hello.protocolVersion / 1000)
      throw RequestError(
        .version, "protocol-version",
        "the bridge supports protocol \(ours).x, the client \(theirs).x; update the older of the two")
    }
    client.isGreeted = true
    client.readsAllSlots = hello.features.contains(BridgeVersion.pageOfAllSlots)
    // Bytes: one character may have thousands of combining marks.
    client.name = String(decoding: hello.clientName.utf8.prefix(80), as: UTF8.self)
    log.debug("client connected", metadata: ["client": "\(client.name)", "pid": "\(client.process)"])
    return .with {
      $0.protocolVersion = BridgeVersion.current
      $0.features = BridgeVersion.features.filter { hello.features.contains($0) }
      $0.scopes = Scope.allCases.filter { client.rights.scopes.contains($0) }.map(\.rawValue)
      $0.protocolHash = BridgeVersion.protocolHash
      $0.server = "vrbridge \(ProductVersion.text)"
    }
  }

  private func question(_ request: Vrbridge_V1_Ask) throws(RequestError) -> String {
    let text = request.text.trimmingCharacters(in: .whitespacesAndNewlines)
    guard !text.isEmpty, text.utf8.count <= 4000 else {
      throw RequestError(.invalid, "question-length", "a question must have 1 to 4,000 bytes")
    }
    return text
  }

  private func startRecording(_ request: Vrbridge_V1_StartRecording) throws(RequestError) {
    let plan = try RecordingPlan(request)
    do { try recording.start(plan) } catch {
      throw RequestError(.invalid, wrapping: error, code: "recording-refused")
    }
  }
}

import BridgeProtocol
import Foundation
import Logging
import Sensing
import SwiftProtobuf

/// What clients may ask of the part that hears and answers.
struct SpeechRequests: Sendable {
  var hold: @Sendable (Bool) -> Void
  var ask: @Sendable (String) -> Void
  var explain: @Sendable (String) async -> Vrbridge_V1_Prompt
  var forget: @Sendable () -> Void
}

/// Answers what clients ask: checks greeting, version and scopes, and passes on what concerns devices.
///
/// Runs on the socket server's thread.
struct RequestHandler: Sendable {
  enum Answer {
    /// With a descriptor to be passed, or −1.
    case reply(ServerFrame, descriptor: Int32)
    /// What takes its time; the answer goes out when it is there.
    case later(@Sendable () async -> ServerFrame)
    /// The connection ends after this.
    case refusal(Vrbridge_V1_ErrorCode, String)
  }

  var page: PosePage
  var devices: @Sendable () -> [Vrbridge_V1_Device]
  /// Returns what is wrong, or nil when the request was taken.
  var haptic: @Sendable (Vrbridge_V1_Haptic) -> Vrbridge_V1_ErrorCode?
  var light: @Sendable (Vrbridge_V1_Light) -> Vrbridge_V1_ErrorCode?
  /// Returns false for a device that is not known.
  var setRole: @Sendable (DeviceID, DeviceRole) -> Bool
  var recenter: @Sendable () -> Void
  /// Returns what is wrong with the first that can't be taken; then none is.
  var measure: @Sendable ([Vrbridge_V1_Measurement]) -> MeasurementFault?
  var recording: RecordingControl
  var speech: SpeechRequests
  var log: Logger

  func answer(_ frame: ClientFrame, _ client: ClientConnection) -> Answer {
    if case .hello(let hello) = frame.message { return greet(hello, client, replyTo: frame.requestID) }
    guard client.isGreeted else { return .refusal(.helloExpected, "the first message must be Hello") }
    var answer = ServerFrame()
    answer.replyTo = frame.requestID
    var descriptor: Int32 = -1
    let message: Message
    switch frame.message {
    case .subscribe(let request): message = subscribe(client, request)
    case .unsubscribe(let request): message = unsubscribe(client, request)
    case .openPosePage:
      message = require(.poses, client) {
        descriptor = page.fileDescriptor
        return .posePage(
          .with {
            $0.size = UInt64(page.size)
            $0.layoutVersion = 1
          })
      }
    case .listDevices: message = .deviceList(.with { $0.devices = devices() })
    case .haptic(let request): message = vibrate(client, request)
    case .light(let request): message = shine(client, request)
    case .setRole(let request):
      message = require(.manage, client) {
        setRole(DeviceID(request.deviceID), request.role.deviceRole)
          ? .done(Vrbridge_V1_Done()) : error(.notFound, "there is no device \(request.deviceID)")
      }
    case .recenter:
      message = require(.manage, client) {
        recenter()
        return .done(Vrbridge_V1_Done())
      }
    case .measure(let request):
      message = require(.measure, client) {
        if let fault = measure(request.measurements) { return error(fault.code, fault.message) }
        return .done(Vrbridge_V1_Done())
      }
    case .startRecording(let request): message = startRecording(client, request)
    case .stopRecording:
      message = require(.manage, client) {
        recording.requestStop()
        return .recordingStatus(Vrbridge_V1_RecordingStatus(recording.status))
      }
    case .getRecording: message = .recordingStatus(Vrbridge_V1_RecordingStatus(recording.status))
    case .listen(let request):
      message = require(.microphone, client) {
        speech.hold(request.held)
        return .done(Vrbridge_V1_Done())
      }
    case .ask(let request):
      switch question(client, request) {
      case .failure(let refusal): message = refusal.message
      case .success(let text):
        let speech = speech
        return .later { [answer] in
          var answer = answer
          answer.message = .prompt(await speech.explain(text))
          if !request.explain { speech.ask(text) }
          return answer
        }
      }
    case .forgetConversation:
      message = require(.microphone, client) {
        speech.forget()
        return .done(Vrbridge_V1_Done())
      }
    case .ping(let ping): message = .pong(.with { $0.payload = ping.payload })
    case .hello, nil: message = error(.unsupported, "this bridge does not know the request")
    }
    answer.message = message
    return .reply(answer, descriptor: descriptor)
  }

  private typealias Message = ServerFrame.OneOf_Message

  private func error(_ code: Vrbridge_V1_ErrorCode, _ message: String) -> Message {
    .error(
      .with {
        $0.code = code
        $0.message = message
      })
  }

  private func forbidden(_ scope: Scope) -> Message {
    error(.forbidden, "needs the scope '\(scope.rawValue)'; see 'access' in the bridge's configuration")
  }

  private func require(_ scope: Scope, _ client: ClientConnection, _ body: () -> Message) -> Message {
    client.scopes.contains(scope) ? body() : forbidden(scope)
  }

  private func greet(
    _ hello: Vrbridge_V1_Hello, _ client: ClientConnection, replyTo: UInt64
  ) -> Answer {
    guard hello.protocolVersion / 1000 == BridgeVersion.current / 1000 else {
      let (ours, theirs) = (BridgeVersion.current / 1000, hello.protocolVersion / 1000)
      return .refusal(.version, "the bridge speaks protocol \(ours).x, the client \(theirs).x")
    }
    client.isGreeted = true
    client.name = String(hello.clientName.prefix(80))
    log.debug("client connected", metadata: ["client": "\(client.name)", "pid": "\(client.process)"])
    var answer = ServerFrame()
    answer.replyTo = replyTo
    answer.welcome = .with {
      $0.protocolVersion = BridgeVersion.current
      $0.features = BridgeVersion.features.filter { hello.features.contains($0) }
      $0.scopes = Scope.allCases.filter { client.scopes.contains($0) }.map(\.rawValue)
      $0.protocolHash = BridgeVersion.protocolHash
      $0.server = "vrbridge \(ProductVersion.text)"
    }
    return .reply(answer, descriptor: -1)
  }

  private func subscribe(_ client: ClientConnection, _ request: Vrbridge_V1_Subscribe) -> Message {
    let streams = Set(request.streams.map(\.rawValue))
    let known: [(Vrbridge_V1_Stream, Scope?)] = [
      (.poses, .poses), (.controls, .controls), (.devices, nil), (.annotations, .camera),
      (.speech, .microphone),
    ]
    guard !streams.isEmpty, streams.isSubset(of: known.map(\.0.rawValue)) else {
      return error(.unsupported, "streams must name poses, controls, devices, annotations or speech")
    }
    for (stream, scope) in known {
      if let scope, streams.contains(stream.rawValue), !client.scopes.contains(scope) {
        return forbidden(scope)
      }
    }
    guard client.subscriptions.count < ClientConnection.maximumSubscriptions else {
      return error(.invalid, "a client has \(ClientConnection.maximumSubscriptions) subscriptions at most")
    }
    guard request.maxRateHz.isFinite, request.maxRateHz >= 0 else {
      return error(.invalid, "max_rate_hz must be 0 or more")
    }
    let depth = request.depth == 0 ? 1024 : Int(request.depth)
    let queued = client.subscriptions.reduce(depth) { $0 + $1.depth }
    guard queued <= ClientConnection.maximumDepth else {
      return error(
        .invalid, "all queues of a client together hold \(ClientConnection.maximumDepth) poses at most")
    }
    let id = client.nextSubscription
    client.nextSubscription += 1
    client.subscriptions.append(
      ClientConnection.Subscription(
        id: id, streams: streams, devices: Set(request.deviceIds),
        roles: Set(request.roles.map { $0.deviceRole.rawValue }),
        interval: request.maxRateHz > 0 ? Int64(min(1e9 / request.maxRateHz, 1e15)) : 0,
        isLatestOnly: request.queuePolicy == .latestOnly,
        depth: depth))
    return .subscribed(.with { $0.subscriptionID = id })
  }

  private func unsubscribe(_ client: ClientConnection, _ request: Vrbridge_V1_Unsubscribe) -> Message {
    guard let place = client.subscriptions.firstIndex(where: { $0.id == request.subscriptionID }) else {
      return error(.notFound, "there is no subscription \(request.subscriptionID)")
    }
    client.subscriptions.remove(at: place)
    return .done(Vrbridge_V1_Done())
  }

  private struct Refusal: Error { var message: Message }

  private func question(
    _ client: ClientConnection, _ request: Vrbridge_V1_Ask
  ) -> Result<String, Refusal> {
    guard client.scopes.contains(.microphone) else {
      return .failure(Refusal(message: forbidden(.microphone)))
    }
    let text = request.text.trimmingCharacters(in: .whitespacesAndNewlines)
    guard !text.isEmpty, text.utf8.count <= 4000 else {
      return .failure(Refusal(message: error(.invalid, "a question has 1 to 4,000 bytes")))
    }
    // What is known of the scene stands in the prompt: what cameras saw is for those who may see.
    guard client.scopes.contains(.camera) else { return .failure(Refusal(message: forbidden(.camera))) }
    return .success(text)
  }

  private func startRecording(_ client: ClientConnection, _ request: Vrbridge_V1_StartRecording) -> Message {
    require(.manage, client) {
      var plan = RecordingPlan(path: request.path)
      if !request.streams.isEmpty {
        var streams: Set<RecordedStream> = []
        for name in request.streams {
          guard let stream = RecordedStream(rawValue: name) else {
            let known = RecordedStream.allCases.map(\.rawValue).joined(separator: ", ")
            return error(.invalid, "there is no stream '\(name.prefix(40))'; allowed: \(known)")
          }
          streams.insert(stream)
        }
        plan = RecordingPlan(path: request.path, streams: streams)
      }
      for (stream, scope) in [(RecordedStream.camera, Scope.camera), (.microphone, .microphone)]
      where plan.streams.contains(stream) && !client.scopes.contains(scope) {
        return forbidden(scope)
      }
      guard request.durationS.isFinite, request.durationS >= 0, request.splitS.isFinite, request.splitS >= 0
      else { return error(.invalid, "durations must be 0 or more") }
      if request.durationS > 0 { plan.duration = request.durationS }
      if request.maxBytes > 0 { plan.maximumSize = request.maxBytes }
      if request.splitBytes > 0 { plan.splitSize = max(request.splitBytes, 1 << 20) }
      if request.splitS > 0 { plan.splitTime = max(request.splitS, 1) }
      do { try recording.start(plan) } catch { return self.error(.invalid, String(describing: error)) }
      return .recordingStatus(Vrbridge_V1_RecordingStatus(recording.status))
    }
  }

  private func vibrate(_ client: ClientConnection, _ request: Vrbridge_V1_Haptic) -> Message {
    require(.controls, client) {
      guard request.amplitude.isFinite, request.frequencyHz.isFinite else {
        return error(.invalid, "amplitude and frequency must be finite numbers")
      }
      if let code = haptic(request) {
        return error(code, "device \(request.deviceID) is not there or can't vibrate")
      }
      return .done(Vrbridge_V1_Done())
    }
  }

  private func shine(_ client: ClientConnection, _ request: Vrbridge_V1_Light) -> Message {
    require(.controls, client) {
      guard request.red.isFinite, request.green.isFinite, request.blue.isFinite else {
        return error(.invalid, "red, green and blue must be finite numbers")
      }
      if let code = light(request) {
        return error(code, "device \(request.deviceID) is not there or has no light")
      }
      return .done(Vrbridge_V1_Done())
    }
  }
}

extension Vrbridge_V1_RecordingStatus {
  init(_ status: RecordingStatus) {
    self.init()
    running = status.isRunning
    path = status.path
    bytes = status.bytes
    messages = status.messages
    seconds = status.seconds
    dropped = status.dropped
    queuedBytes = UInt64(status.queued)
    mostQueuedBytes = UInt64(status.mostQueued)
    freeBytes = status.free
    files = UInt32(status.files)
    failure = status.failure ?? ""
  }
}

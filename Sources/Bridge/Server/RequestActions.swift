import Authorisation
import BridgeProtocol

extension Action {
  /// Returns the actions that a request consists of; a client needs the rights to all of them.
  ///
  /// - Returns: an empty list for a message that this version of the protocol does not have.
  static func all(of message: ClientFrame.OneOf_Message) -> [Action] {
    switch message {
    case .hello: [.request(.hello)]
    case .ping: [.request(.ping)]
    case .subscribe(let request):
      [.request(.subscribe)] + request.streams.compactMap { Data($0) }.map { .receive($0) }
    case .unsubscribe: [.request(.unsubscribe)]
    case .openPosePage: [.request(.openPosePage)]
    case .listDevices: [.request(.listDevices)]
    case .haptic: [.request(.haptic)]
    case .light: [.request(.light)]
    case .setRole: [.request(.setRole)]
    case .recenter: [.request(.recenter)]
    case .measure: [.request(.measure)]
    case .shareFrames: [.request(.shareFrames)]
    case .submitFrame: [.request(.submitFrame)]
    case .releaseFrames: [.request(.releaseFrames)]
    case .startRecording(let request):
      [.request(.startRecording)]
        + (request.streams.contains("camera") ? [.request(.recordCamera)] : [])
        + (request.streams.contains("microphone") ? [.request(.recordMicrophone)] : [])
    case .stopRecording: [.request(.stopRecording)]
    case .getRecording: [.request(.getRecording)]
    case .listen: [.request(.listen)]
    case .ask: [.request(.ask)]
    case .forgetConversation: [.request(.forgetConversation)]
    }
  }
}

extension Action.Data {
  /// The data of a stream; nil for a stream that this version of the protocol does not have.
  init?(_ stream: Vrbridge_V1_Stream) {
    switch stream {
    case .poses: self = .poses
    case .controls: self = .controls
    case .devices: self = .devices
    case .annotations: self = .annotations
    case .speech: self = .speech
    case .unspecified, .UNRECOGNIZED: return nil
    }
  }
}

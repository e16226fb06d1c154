import Sensing

/// What an action needs.
enum Requirement {
  /// Nothing: not even a token.
  case nothing
  /// Any scope: the client is no stranger.
  case anyScope
  case all([Scope])
  case oneOf([Scope])
  /// The scope `manage`, and the permission of the configuration.
  case modelChange
}

extension Action {
  var requirement: Requirement {
    switch self {
    case .route(let route): route.requirement
    case .request(let request): request.requirement
    case .command(let command): command.requirement
    case .receive(let data): data.requirement
    // The data of a connection are `receive` actions.
    case .connect(.foxglove), .connect(.vrpn): .anyScope
    }
  }
}

extension Action.Route {
  fileprivate var requirement: Requirement {
    switch self {
    case .health, .page: .nothing
    case .document, .modelServer, .live: .anyScope
    case .metrics: .all([.metrics])
    case .models, .inference: .all([.infer])
    case .modelChange: .modelChange
    case .frame, .liveFrame: .all([.camera])
    case .recording, .recenter, .role: .all([.manage])
    case .recordCamera: .all([.manage, .camera])
    case .recordMicrophone: .all([.manage, .microphone])
    }
  }
}

extension Action.Request {
  fileprivate var requirement: Requirement {
    switch self {
    case .hello, .ping, .subscribe, .unsubscribe, .listDevices, .getRecording, .releaseFrames: .anyScope
    case .openPosePage: .all([.poses])
    case .haptic, .light: .all([.controls])
    case .setRole, .recenter, .startRecording, .stopRecording: .all([.manage])
    case .measure: .all([.measure])
    case .shareFrames, .submitFrame: .all([.camera])
    case .recordCamera: .all([.manage, .camera])
    case .recordMicrophone: .all([.manage, .microphone])
    case .listen, .forgetConversation: .all([.microphone])
    // The prompt contains annotations of cameras.
    case .ask: .all([.microphone, .camera])
    }
  }
}

extension Action.Command {
  fileprivate var requirement: Requirement {
    switch self {
    case .recenter, .startRecording, .stopRecording: .all([.manage])
    case .note, .forget, .cancel, .confirm, .refuse: .all([.microphone])
    // The effect names an object, or the answer describes what cameras see.
    case .label, .ask, .describe: .all([.microphone, .camera])
    }
  }
}

extension Action.Data {
  fileprivate var requirement: Requirement {
    switch self {
    case .devices, .activity: .anyScope
    case .poses: .all([.poses])
    case .controls: .all([.controls])
    case .frames, .annotations: .all([.camera])
    case .speech: .all([.microphone])
    // An open microphone concerns every client that receives annotations.
    case .listening: .oneOf([.camera, .microphone])
    case .log: .all([.manage])
    }
  }
}

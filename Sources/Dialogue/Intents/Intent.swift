/// What somebody wants the bridge to do.
public enum Intent: Sendable, Hashable {
  case recenter
  case startRecording
  case stopRecording
  /// Give the thing that is looked at a name.
  case label(String)
  /// Keep a remark, where the speaker looks.
  case note(String)
  /// A question about the scene, for the language model where there is one.
  case ask(String)
  case describe
  case forget
  case cancel
  case confirm
  case refuse

  public var name: String {
    switch self {
    case .recenter: "recenter"
    case .startRecording: "start recording"
    case .stopRecording: "stop recording"
    case .label: "label"
    case .note: "note"
    case .ask: "ask"
    case .describe: "what is this"
    case .forget: "forget"
    case .cancel: "cancel"
    case .confirm: "yes"
    case .refuse: "no"
    }
  }

  public var slot: String? {
    switch self {
    case .label(let text), .note(let text), .ask(let text): text
    default: nil
    }
  }

  /// It ends or deletes something that can't be had back: asked for twice.
  public var needsConfirmation: Bool {
    switch self {
    case .stopRecording, .forget: true
    default: false
    }
  }
}

/// An intent with how sure it is.
public struct IntentMatch: Sendable, Hashable {
  public var intent: Intent
  /// 1 for the grammar's word; else the likeness to the nearest example.
  public var confidence: Double
}

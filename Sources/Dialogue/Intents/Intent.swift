/// An action that the user requests by speech.
public enum Intent: Sendable, Hashable {
  case recenter
  case startRecording
  case stopRecording
  /// Names the object under the gaze.
  case label(String)
  /// Stores a note at the position under the gaze.
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

  /// Whether the action is irreversible, so that the user must confirm it.
  public var needsConfirmation: Bool {
    switch self {
    case .stopRecording, .forget: true
    default: false
    }
  }
}

/// An intent with its confidence.
public struct IntentMatch: Sendable, Hashable {
  public var intent: Intent
  /// 1 for a match of the grammar; else the classifier's confidence or the similarity to the nearest example.
  public var confidence: Double
}

/// A permission that protects data about people and rooms.
///
/// Its text is the name of the scope in access rules, on the socket and on the page.
public enum PrivacyScope: String, Sendable, CaseIterable, Hashable {
  /// Data derived from camera frames or from the motion of hands.
  case camera
  /// Data derived from sound.
  case microphone
}

extension Annotation.Kind {
  /// The permission that protects annotations of this kind. A session stores them with the data of the same scope.
  public var scope: PrivacyScope {
    switch self {
    case .hand, .gesture, .object, .text: .camera
    case .transcript, .intent, .answer, .listening: .microphone
    }
  }

  /// The permissions of which a client needs one to receive annotations of this kind.
  ///
  /// An open microphone concerns every client that receives annotations.
  public var audience: Set<PrivacyScope> {
    switch self {
    case .hand, .gesture, .object, .text, .transcript, .intent, .answer: [scope]
    case .listening: [.camera, .microphone]
    }
  }
}

/// A stream of records that a session can hold.
public enum RecordedStream: String, Sendable, CaseIterable {
  /// Every report, which a replay needs. Always recorded.
  case reports
  case states
  case controls
  case figures
  case log
  case annotations
  case camera
  case microphone

  /// All but camera and microphone, which record more than devices and must be requested.
  public static let standard = Set(allCases).subtracting([.camera, .microphone])
}

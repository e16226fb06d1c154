/// A permission of a client.
public enum Scope: String, Sendable, CaseIterable, Hashable {
  /// Read devices and poses.
  case poses
  /// Read buttons, triggers and axes.
  case controls
  /// Read frames of cameras and annotations made from them.
  case camera
  /// Read annotations made from speech, and use speech functions.
  case microphone
  /// Change roles, recentre, record.
  case manage
  /// Supply external poses of devices.
  case measure

  /// The scope that grants access to what a privacy scope protects.
  public init(_ scope: PrivacyScope) {
    self =
      switch scope {
      case .camera: .camera
      case .microphone: .microphone
      }
  }
}

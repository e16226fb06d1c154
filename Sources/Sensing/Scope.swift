/// A permission of a client.
public enum Scope: String, Sendable, CaseIterable, Hashable {
  /// Read devices and poses.
  case poses
  /// Read buttons, triggers and axes.
  case controls
  /// Read frames of cameras and annotations made from them, and supply frames of a camera of the client's own.
  case camera
  /// Read annotations made from speech, and use speech functions.
  case microphone
  /// Change roles, recentre, record.
  case manage
  /// Supply external poses of devices.
  case measure
  /// Use models: their metadata, inference, classification.
  case infer
  /// Read the metrics of the whole bridge.
  case metrics

  /// The scope that grants access to what a privacy scope protects.
  public init(_ scope: PrivacyScope) {
    self =
      switch scope {
      case .camera: .camera
      case .microphone: .microphone
      }
  }
}

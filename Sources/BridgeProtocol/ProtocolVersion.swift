/// What both sides must agree on.
public enum BridgeVersion {
  /// Major · 1000 + minor. A server speaks to clients of the same major number.
  public static let current: UInt32 = 1_005

  /// Features that this build can offer; a client names those it wants.
  public static let features = [
    "poses", "controls", "devices", "pose_page", "haptics", "recenter", "recording", "annotations", "speech",
  ]

  /// SHA-256 of `Protos/vrbridge.proto` and the layout constants. A test computes it from the files, so that no
  /// change goes unnoticed; a change that old clients can't read needs a new version.
  public static let protocolHash =
    "59fd0d69d2e71fce0a9638295d283826b58434b89fe61c18b7c46c95c610ebfd"
}

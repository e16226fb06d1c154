/// What both sides must agree on.
public enum BridgeVersion {
  /// Major · 1000 + minor. A server speaks to clients of the same major number.
  public static let current: UInt32 = 1_003

  /// Features that this build can offer; a client names those it wants.
  public static let features = [
    "poses", "controls", "devices", "pose_page", "haptics", "recenter", "recording", "annotations",
  ]

  /// SHA-256 of `Protos/vrbridge.proto` and the layout constants. A test computes it from the files, so that no
  /// change goes unnoticed; a change that old clients can't read needs a new version.
  public static let protocolHash =
    "5f449e829ff6459b334e875c9d228f752c7015f7e3d4d8b12f7fdbb3ea0c338b"
}

/// What both sides must agree on.
public enum BridgeVersion {
  /// Major · 1000 + minor. A server speaks to clients of the same major number.
  public static let current: UInt32 = 1_002

  /// Features that this build can offer; a client names those it wants.
  public static let features = [
    "poses", "controls", "devices", "pose_page", "haptics", "recenter", "recording",
  ]

  /// SHA-256 of `Protos/vrbridge.proto` and the layout constants. A test computes it from the files, so that no
  /// change goes unnoticed; a change that old clients can't read needs a new version.
  public static let protocolHash =
    "e8ff3e7c37aae4085ab44ce13bfe56e98f62949a541b0622fa56e816cc0c771c"
}

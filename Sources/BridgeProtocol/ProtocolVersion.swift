/// What both sides must agree on.
public enum BridgeVersion {
  /// Major · 1000 + minor. A server speaks to clients of the same major number.
  public static let current: UInt32 = 1_001

  /// Features that this build can offer; a client names those it wants.
  public static let features = [
    "poses", "controls", "devices", "pose_page", "haptics", "recenter", "recording",
  ]

  /// SHA-256 of `Protos/vrbridge.proto` and the layout constants. A test computes it from the files, so that no
  /// change goes unnoticed; a change that old clients can't read needs a new version.
  public static let protocolHash =
    "57662d7bdca13e06e820276fca83d59878fd15717946b029bf80a5ef7677d686"
}

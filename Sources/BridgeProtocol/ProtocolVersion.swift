/// What both sides must agree on.
public enum BridgeVersion {
  /// Major · 1000 + minor. A server speaks to clients of the same major number.
  public static let current: UInt32 = 1_000

  /// Features that this build can offer; a client names those it wants.
  public static let features = ["poses", "controls", "devices", "pose_page", "haptics", "recenter"]

  /// SHA-256 of `Protos/vrbridge.proto` and the layout constants. A test computes it from the files, so that no
  /// change goes unnoticed; a change that old clients can't read needs a new version.
  public static let protocolHash =
    "1b9b4bf0ab64c62c1ff2ca20b617ed138695c9fdcfca40b25805217115b3052d"
}

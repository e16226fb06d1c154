/// What both sides must agree on.
public enum BridgeVersion {
  /// Major · 1000 + minor. A server speaks to clients of the same major number.
  public static let current: UInt32 = 1_000

  /// Features that this build can offer; a client names those it wants.
  public static let features = ["poses", "controls", "devices", "pose_page", "haptics", "recenter"]

  /// SHA-256 of `Protos/vrbridge.proto` and the layout constants. A test computes it from the files, so that no
  /// change goes unnoticed; a change that old clients can't read needs a new version.
  public static let protocolHash =
    "5ed4b95b91f332fb744f4ca10996895a1f24032ea17b0e3018d49a940042e3b5"
}

/// What both sides must agree on.
public enum BridgeVersion {
  /// Major · 1000 + minor. A server speaks to clients of the same major number.
  public static let current: UInt32 = 1_000

  /// Features that this build can offer; a client names those it wants.
  public static let features = ["poses", "controls", "devices", "pose_page", "haptics", "recenter"]

  /// SHA-256 of `Protos/vrbridge.proto` and the layout constants. A test computes it from the files, so that no
  /// change goes unnoticed; a change that old clients can't read needs a new version.
  public static let protocolHash =
    "483cd14335bc09ad315af43e70fb90bde23ce1db9f2408defad0e4b86838cfb9"
}

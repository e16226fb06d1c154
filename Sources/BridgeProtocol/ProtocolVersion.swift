/// What both sides must agree on.
public enum BridgeVersion {
  /// Major · 1000 + minor. A server speaks to clients of the same major number.
  public static let current: UInt32 = 1_006

  /// Features that this build can offer; a client names those it wants.
  public static let features = [
    "poses", "controls", "devices", "pose_page", "haptics", "lights", "recenter", "recording", "annotations",
    "speech",
  ]

  /// SHA-256 of `Protos/vrbridge.proto` and the layout constants. A test computes it from the files, so that no
  /// change goes unnoticed; a change that old clients can't read needs a new version.
  public static let protocolHash =
    "5ceccfa6e345fdab33f1ecf2ac52d929e6bff9b5fd044e20e1b08e956bdd90b0"
}

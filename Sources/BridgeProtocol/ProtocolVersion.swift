/// Version and features of the protocol.
public enum BridgeVersion {
  /// Major · 1000 + minor. A server accepts clients of the same major number.
  public static let current: UInt32 = 1_010

  /// The feature of the pose page's revision 1. A client without it receives the size of revision 0.
  public static let pageOfAllSlots = "pose_page_128"

  /// Features of this build; a client lists those it uses.
  public static let features = [
    "poses", "controls", "devices", "pose_page", "haptics", "lights", "recenter", "recording", "annotations",
    "speech", "measurements", "shared_frames", pageOfAllSlots,
  ]

  /// SHA-256 of `Protos/vrbridge.proto` and the layout constants. A test computes it from the files, so that no
  /// change goes unnoticed; a change that existing clients can't read needs a new major version.
  public static let protocolHash =
    "dbb8aa5271dfb956ca896e511e9333c8dcce0d5825ced319dd3cd87714a1f429"
}

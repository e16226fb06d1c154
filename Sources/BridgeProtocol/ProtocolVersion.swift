/// Version and features of the protocol.
public enum BridgeVersion {
  /// Major · 1000 + minor. A server accepts clients of the same major number.
  public static let current: UInt32 = 1_008

  /// Features of this build; a client lists those it uses.
  public static let features = [
    "poses", "controls", "devices", "pose_page", "haptics", "lights", "recenter", "recording", "annotations",
    "speech", "measurements",
  ]

  /// SHA-256 of `Protos/vrbridge.proto` and the layout constants. A test computes it from the files, so that no
  /// change goes unnoticed; a change that existing clients can't read needs a new major version.
  public static let protocolHash =
    "31830175db59a06d22e21297c4579d93e3553a2a6afccffc405c20af70199d68"
}

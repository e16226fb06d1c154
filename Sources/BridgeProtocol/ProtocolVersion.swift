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
    "03365800405dfea73e78820aa2b4c44c22ceeaeaf05e6c1705f9740d845c24a4"
}

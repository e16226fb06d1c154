/// Version and features of the protocol.
public enum BridgeVersion {
  /// Major · 1000 + minor. A server accepts clients of the same major number.
  public static let current: UInt32 = 1_009

  /// Features of this build; a client lists those it uses.
  public static let features = [
    "poses", "controls", "devices", "pose_page", "haptics", "lights", "recenter", "recording", "annotations",
    "speech", "measurements", "shared_frames",
  ]

  /// SHA-256 of `Protos/vrbridge.proto` and the layout constants. A test computes it from the files, so that no
  /// change goes unnoticed; a change that existing clients can't read needs a new major version.
  public static let protocolHash =
    "cc0104bddd906e75d50b11bb09c3ed43e93bfdc2b9e3fd5e30634f7296ef90e8"
}

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
    "f15b5aa880e2a7ed351094689eaaddca57f2b57411f703e0f802bb583dd6c1fd"
}

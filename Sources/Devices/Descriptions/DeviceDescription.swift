import Sensing

/// A family of devices as data: what it is, how it is found, how its bytes become samples and controls.
///
/// docs/reference/description-format.md and docs/reference/device-description.schema.json document the format.
public struct DeviceDescription: Sendable {
  public enum Kind: String, Sendable, CaseIterable { case headset, controller, tracker }

  /// Which interfaces are one device.
  public enum Join: String, Sendable, CaseIterable {
    /// Interfaces of one USB (or Bluetooth) device.
    case device
    /// Interfaces of devices on the same USB hub: a headset with a hub inside.
    case hub
  }

  public enum Confidence: String, Sendable, CaseIterable {
    /// Checked on recordings of real devices.
    case recorded
    /// The maker's firmware or specification is public.
    case published
    /// Independent implementations agree.
    case sourcesAgree = "sources_agree"
    /// One implementation, or reverse engineering.
    case oneSource = "one_source"
    case unstated
  }

  public var file: String
  /// Content of the file.
  public var text: String
  public var family: String
  public var name: String
  public var kind: Kind
  public var roles: [DeviceRole]
  public var join: Join
  /// Where the facts come from.
  public var sources: [String]
  /// Reliability of the facts.
  public var confidence = Confidence.unstated
  /// Facts that need the device to be checked.
  public var unverified: [String] = []
  public var parts: [PartDescription]
  public var pairing: PairingDescription?
}

extension DeviceDescription {
  /// Whether the part makes the device: the one that reports motion, or any of a device that has none.
  public func isPrimary(_ part: Int) -> Bool {
    parts[part].reportsMotion || !parts.contains { $0.reportsMotion }
  }

  /// All controls of the device, each path once, in the order of the description.
  public var controls: [Control] {
    var seen: Set<String> = []
    return parts.flatMap(\.reports).flatMap(\.controls).flatMap(\.controls).filter {
      seen.insert($0.path).inserted
    }
  }
}

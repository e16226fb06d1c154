import Devices
import Sensing

/// Identifies devices of a capture that lacks their descriptors: it began after they were plugged in.
public struct CapturedIdentity: Sendable {
  public var vendor: UInt16
  public var product: UInt16

  public init(vendor: UInt16, product: UInt16) {
    self.vendor = vendor
    self.product = product
  }

  /// Parses `vid:pid`, hexadecimal as lsusb(8) prints them.
  public init?(_ text: String) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, parts.allSatisfy({ (1...4).contains($0.count) }),
      let vendor = UInt16(parts[0], radix: 16), let product = UInt16(parts[1], radix: 16)
    else { return nil }
    self.init(vendor: vendor, product: product)
  }

  /// Returns the first identity of a family; nil for one that is matched by usages alone.
  public init?(of description: DeviceDescription) {
    let rules = description.parts.filter { !$0.reports.isEmpty }.flatMap(\.match)
    guard let rule = rules.first(where: { $0.vendor != nil && $0.product != nil }), let vendor = rule.vendor,
      let product = rule.product
    else { return nil }
    self.init(vendor: vendor, product: product)
  }

  private static func isUnidentified(_ recording: HIDRecording) -> Bool {
    recording.interfaces.contains { $0.identity.vendor == 0 && $0.identity.product == 0 }
  }

  /// Gives the identity to the unidentified devices.
  public func applied(to recordings: [HIDRecording]) -> [HIDRecording] {
    recordings.map { recording in
      guard Self.isUnidentified(recording) else { return recording }
      var recording = recording
      for index in recording.interfaces.indices {
        recording.interfaces[index].identity.vendor = vendor
        recording.interfaces[index].identity.product = product
      }
      return recording
    }
  }

  /// Checks that the capture identifies at least one of its devices.
  ///
  /// - Throws: `PacketCaptureError` when it identifies none.
  public static func check(_ recordings: [HIDRecording], file: String) throws(PacketCaptureError) {
    guard !recordings.isEmpty else {
      throw PacketCaptureError(
        .empty, "\(file) holds no reports of interrupt endpoints; capture while the device is in use")
    }
    guard recordings.allSatisfy(isUnidentified) else { return }
    let list = recordings.map { recording in
      let path = recording.interfaces[0].identity.physicalPath
      let numbers = path.dropFirst(PacketCapture.portPrefix.count).prefix { $0 != "/" }.split(separator: "-")
      let lengths = Set(recording.events.map(\.range.count)).sorted().prefix(4).map(String.init)
      return
        "bus \(numbers.first ?? "?") device \(numbers.last ?? "?"), \(recording.events.count) reports of "
        + "\(lengths.joined(separator: ", ")) bytes"
    }
    throw PacketCaptureError(
      .unidentified,
      "\(file) holds no USB descriptors (\(list.joined(separator: "; "))): it began after the device was plugged in. Begin the capture first, or name the device: --device VID:PID as 'lsusb' prints it, or --family NAME"
    )
  }
}

import Devices

/// A HID report descriptor for an emulated interface: one vendor-defined field a report, of the lengths that the
/// description states, or the published usages where a family is found by usage.
enum EmulatedDescriptor {
  /// - Parameter stored: data that is asked for at this interface.
  static func bytes(
    for part: PartDescription, pairing: PairingDescription? = nil, stored: [StoredDataDescription] = []
  ) -> [UInt8] {
    if part.reports.contains(where: { $0.identifier == .byUsage }) { return androidHeadTracker }
    // Usage page FF00, usage 1, application collection, logical 0…255, 8 bits; or a game pad on the desktop page.
    let usage: [UInt8] =
      part.emulation.isGamepad ? [0x05, 0x01, 0x09, 0x05] : [0x06, 0x00, 0xff, 0x09, 0x01]
    var bytes: [UInt8] = usage + [0xa1, 0x01, 0x15, 0x00, 0x26, 0xff, 0x00, 0x75, 0x08]
    var needsSticks = part.emulation.isGamepad
    func field(_ kind: UInt8, id: UInt8?, count: Int) {
      if let id { bytes += [0x85, id] }
      var count = count
      if needsSticks, count > 4 {
        // X, Y, Z and Rz; what follows is the vendor's.
        bytes += [0x09, 0x30, 0x09, 0x31, 0x09, 0x32, 0x09, 0x35, 0x95, 0x04, kind, 0x02, 0x06, 0x00, 0xff]
        count -= 4
        needsSticks = false
      }
      bytes += [0x09, 0x01, 0x96, UInt8(count & 0xff), UInt8(count >> 8), kind, 0x02]
    }
    for (id, length) in part.driver?.emulation.inputs ?? [] { field(0x81, id: id, count: length) }
    var declared: Set<UInt8> = []
    for report in part.reports {
      switch report.identifier {
      case .numbered(let id) where declared.insert(id).inserted:
        field(0x81, id: id, count: report.opticalStream == nil ? report.length - 1 : 63)
      case .unnumbered where declared.insert(0).inserted: field(0x81, id: nil, count: report.length)
      default: continue
      }
    }
    if let id = part.modeSwitch?.seen, declared.insert(id).inserted { field(0x81, id: id, count: 63) }
    // Reports that answer commands.
    let isNumbered = part.reports.contains { if case .numbered = $0.identifier { true } else { false } }
    for data in stored where data.channel == .output {
      for expected in [data.expected] + data.opening.map(\.expected) {
        guard let id = expected[0], isNumbered else { continue }
        if declared.insert(id).inserted { field(0x81, id: id, count: data.answerLength - 1) }
      }
      if !isNumbered, declared.insert(0).inserted { field(0x81, id: nil, count: data.answerLength) }
    }
    for answer in part.emulation.answers where isNumbered {
      guard let id = answer.bytes[0], declared.insert(id).inserted else { continue }
      field(0x81, id: id, count: answer.length - 1)
    }
    // Feature reports with a meaning, those of set-up and keep-alive, and the driver's.
    var features: [(id: UInt8, count: Int)] = (part.features + part.emulation.features).map {
      ($0.id, $0.length - 1)
    }
    for report in part.setup + (part.keepAlive.map { [$0.report] } ?? []) {
      features.append((report[0], report.count - 1))
    }
    for data in stored where data.channel == .feature {
      features.append((data.request[0], data.answerLength - 1))
      if let relay = data.then { features.append((relay.command[0], data.answerLength - 1)) }
    }
    if let pairing {
      if let addresses = pairing.addresses { features.append((addresses.id, addresses.length - 1)) }
      if let report = pairing.hostReport { features.append((report.id, report.length - 1)) }
      if let id = pairing.command.first { features.append((id, 63)) }
    }
    features += (part.driver?.emulation.features ?? []).map { ($0.id, $0.length) }
    var seen: Set<UInt8> = []
    for (id, count) in features where count > 0 && id != 0 && seen.insert(id).inserted {
      field(0xb1, id: id, count: count)
    }
    return bytes + [0xc0]
  }

  /// Android head tracker HID protocol 1.0: sensor page, usage "other: custom", three input values.
  private static let androidHeadTracker: [UInt8] = [
    0x05, 0x20, 0x09, 0xe1, 0xa1, 0x01,
    // Feature 2: description (23 characters) and id (16 bytes), constant.
    0x85, 0x02, 0x0a, 0x08, 0x03, 0x15, 0x00, 0x26, 0xff, 0x00, 0x75, 0x08, 0x95, 0x17, 0xb1, 0x03,
    0x0a, 0x02, 0x03, 0x95, 0x10, 0xb1, 0x03,
    // Feature 1: reporting state (1 bit), power state (1 bit), interval (6 bits, 10…100 ms).
    0x85, 0x01, 0x0a, 0x16, 0x03, 0x15, 0x00, 0x25, 0x01, 0x75, 0x01, 0x95, 0x01, 0xa1, 0x02, 0x0a, 0x40,
    0x08,
    0x0a, 0x41, 0x08, 0xb1, 0x00, 0xc0,
    0x0a, 0x19, 0x03, 0xa1, 0x02, 0x0a, 0x55, 0x08, 0x0a, 0x51, 0x08, 0xb1, 0x00, 0xc0,
    0x0a, 0x0e, 0x03, 0x15, 0x00, 0x25, 0x3f, 0x35, 0x0a, 0x45, 0x64, 0x75, 0x06, 0xb1, 0x02,
    // Input 1: rotation vector, angular velocity, reset counter.
    0x0a, 0x44, 0x05, 0x16, 0x01, 0x80, 0x26, 0xff, 0x7f, 0x75, 0x10, 0x95, 0x03, 0x81, 0x02,
    0x0a, 0x45, 0x05, 0x81, 0x02,
    0x0a, 0x46, 0x05, 0x15, 0x00, 0x26, 0xff, 0x00, 0x75, 0x08, 0x95, 0x01, 0x81, 0x02,
    0xc0,
  ]
}

extension DeviceDriver {
  /// Valve Watchman dongle: variable radio messages, and a Lighthouse configuration while the peer is on.
  static let watchman = watchman("watchman", isSecond: false)
  /// The second generation: another framing of the events, and fingers.
  static let watchmanV2 = watchman("watchman_v2", isSecond: true)

  private static func watchman(_ name: String, isSecond: Bool) -> DeviceDriver {
    var driver = DeviceDriver(name: name)
    driver.isRadio = true
    driver.virtualReports = WatchmanSplitter.Frame.allCases.map(\.name)
    driver.makeSplitter = { WatchmanSplitter(isSecond: isSecond) }
    driver.configuration = LighthouseConfigurationReader()
    driver.emulation = lighthouse.emulation
    driver.emulation.inputs = [(0x23, 29), (0x24, 58), (0x26, 1)]
    driver.emulation.join = { WatchmanMessage.report($0, isSecond: isSecond) }
    return driver
  }
}

/// Radio messages of an emulated dongle: the inverse of `WatchmanSplitter`.
enum WatchmanMessage {
  /// Returns one 0x23 report around an inertial block and optional input.
  ///
  /// - Parameter reports: virtual reports by name; buttons, trigger and what moves may be missing.
  static func report(_ reports: [String: [UInt8]], isSecond: Bool) -> [UInt8] {
    func payload(_ frame: WatchmanSplitter.Frame) -> [UInt8]? { reports[frame.name] }
    let inertial = payload(.inertial) ?? []
    let block = inertial.count >= 16 ? inertial : inertial + [UInt8](repeating: 0, count: 16 - inertial.count)
    var flags: UInt8 = isSecond ? 0xf0 : 0xe8
    var input: [UInt8] = []
    if let buttons = payload(.buttons)?.first {
      flags |= 0x11
      input.append(buttons)
    }
    if let trigger = payload(.trigger)?.first {
      flags |= 0x14
      input.append(trigger)
    }
    if let motion = payload(isSecond ? .thumbstick : .trackpad) {
      flags |= 0x12
      input += motion
    }
    // Only the upper 24 bits of the time are sent.
    let samples = [block[1]] + block[4..<16]
    // Flags of what is in the message, the block, then flags of the input and the input.
    let body = isSecond ? [0xa0] + samples + [flags] + input : [flags] + input + samples
    let report: [UInt8] = [0x23, block[3], UInt8(body.count + 1), block[2]] + body
    return report + [UInt8](repeating: 0, count: 1 + WatchmanSplitter.messageLength - report.count)
  }
}

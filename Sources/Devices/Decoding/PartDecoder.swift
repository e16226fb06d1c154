import Sensing
import Spatial

/// Decodes the reports of one interface. Compiled once from the description; `decode` allocates nothing.
///
/// Used by one thread at a time.
public final class PartDecoder {
  let layouts: ContiguousArray<ReportLayout>
  /// First layout of each report id, −1 for none; `next` chains layouts of the same id.
  private let first: ContiguousArray<Int16>
  private let next: ContiguousArray<Int16>
  private let isNumbered: Bool
  /// Id of the report that shows the mode that `ModeSwitch` ends.
  private let modeReport: UInt8?
  private let splitter: (any ReportSplitter)?
  /// The part is behind a radio without a splitter: its first report means that the device is on.
  private let isPeer: Bool
  /// Index, in the device's table, of the control that reports whether the device is worn; nil without one.
  public let wornControl: Int?
  private var isLinked = false
  var states: ContiguousArray<PickState>
  private var checksums = MissingChecksum()
  /// Bytes of the longest report that the interface declares: its host controller can't deliver more.
  private let maximumLength: Int

  /// State between reports that separates new samples from repeated ones.
  struct PickState {
    var lastSequence: UInt64?
    var lastStamp: UInt64?
    /// Consecutive reports without a new sample; many of them mean that the device restarted its counters.
    var stale = 0
  }

  /// - Parameters:
  ///   - replies: the device's replies to the part's named features, id byte first.
  ///   - controls: the device's table of controls (`DeviceDescription.controls`).
  public init(
    part: PartDescription, descriptor: HIDReportDescriptor? = nil, replies: [String: [UInt8]] = [:],
    controls: [Control]
  ) throws(LayoutError) {
    var controlIndex: [String: Int] = [:]
    for (index, control) in controls.enumerated() { controlIndex[control.path] = index }
    var layouts: ContiguousArray<ReportLayout> = []
    for report in part.reports {
      layouts.append(
        try ReportLayout(report, replies: replies, controlIndex: controlIndex, descriptor: descriptor))
    }
    var first = ContiguousArray<Int16>(repeating: -1, count: 256)
    var next = ContiguousArray<Int16>(repeating: -1, count: layouts.count)
    var isNumbered = true
    for index in layouts.indices.reversed() {
      let slot: Int
      switch layouts[index].identifier {
      case .numbered(let id): slot = Int(id)
      case .unnumbered:
        slot = 0
        isNumbered = false
      case .virtual(let name): slot = part.driver?.virtualReports.firstIndex(of: name) ?? 255
      case .byUsage: throw LayoutError(description: "a report by usage names no usage")
      }
      next[index] = first[slot]
      first[slot] = Int16(index)
    }
    let declared = descriptor.map { found in
      found.reportIDs(.input).map { found.length(.input, $0) }.max() ?? 0
    }
    maximumLength = declared.flatMap { $0 > 0 ? $0 : nil } ?? ReportLimits.longest
    self.layouts = layouts
    self.first = first
    self.next = next
    self.isNumbered = isNumbered
    wornControl = controlIndex["/input/worn/touch"]
    modeReport = part.modeSwitch?.seen
    isPeer = part.waitsForPeer && part.driver == nil
    splitter = part.driver?.makeSplitter?()
    states = ContiguousArray(repeating: PickState(), count: layouts.count)
  }

  /// Whether the reports have no valid checksum and are used without.
  public var lacksChecksum: Bool { checksums.isMissing }

  /// Forgets counters, as when the device was unplugged.
  public func reset() {
    for index in states.indices { states[index] = PickState() }
    checksums = MissingChecksum()
    isLinked = false
  }

  /// Marks the other end of the radio link as on, so that its next report is no change of the link.
  public func assumeLink() {
    isLinked = true
    splitter?.isLinked = true
  }

  /// Codes the state that outlives a report.
  public func archive(_ archive: StateArchive) {
    archive.code(&states) { state in
      archive.code(&state.lastSequence, empty: 0) { archive.code(&$0) }
      archive.code(&state.lastStamp, empty: 0) { archive.code(&$0) }
      archive.code(&state.stale, in: 0...(1 << 60))
    }
    splitter?.archive(archive)
    if isPeer { archive.code(&isLinked) }
    if archive.version >= 4 { checksums.archive(archive) }
  }

  /// Decodes one report as read from the interface: the id first when reports are numbered.
  ///
  /// On an error the batch may hold the valid content before the error.
  public func decode(
    _ report: UnsafeRawBufferPointer, received: Timestamp, into batch: SampleBatch
  ) throws(DecodeError) -> DecodeOutcome {
    guard report.count > 0 else { throw DecodeError(.empty, reportID: 0, offset: 0) }
    guard report.count <= maximumLength else {
      throw DecodeError(.tooLong, reportID: report[0], offset: maximumLength)
    }
    if let splitter {
      return try splitter.split(report, received: received, into: batch) {
        (slot, bytes) throws(DecodeError) in
        try self.decode(slot: slot, bytes, reportID: report[0], received, batch)
      }
    }
    if report[0] == modeReport { batch.wantsModeSwitch = true }
    return try decode(slot: isNumbered ? Int(report[0]) : 0, report, reportID: report[0], received, batch)
  }

  @discardableResult
  private func decode(
    slot: Int, _ report: UnsafeRawBufferPointer, reportID: UInt8, _ received: Timestamp, _ batch: SampleBatch
  ) throws(DecodeError) -> DecodeOutcome {
    var index = Int(first[slot])
    var outcome = DecodeOutcome.ignored
    while index >= 0 {
      let length = layouts[index].length
      guard report.count >= length else {
        throw DecodeError(.tooShort, reportID: reportID, offset: report.count)
      }
      guard isMeant(index, report) else {
        index = Int(next[index])
        continue
      }
      if isPeer, !isLinked {
        isLinked = true
        batch.linkChange = true
      }
      try apply(index, report, reportID: reportID, received, batch)
      outcome = .decoded
      index = Int(next[index])
    }
    return outcome
  }

  @inline(__always)
  private func isMeant(_ index: Int, _ report: UnsafeRawBufferPointer) -> Bool {
    for place in layouts[index].when.indices {
      if !layouts[index].when[place].holds(report, base: 0) { return false }
    }
    return true
  }

  private func apply(
    _ index: Int, _ report: UnsafeRawBufferPointer, reportID: UInt8, _ received: Timestamp,
    _ batch: SampleBatch
  ) throws(DecodeError) {
    if let checksum = layouts[index].checksum {
      let declared = report.loadUnaligned(fromByteOffset: checksum.at, as: UInt32.self)
      let covered = UnsafeRawBufferPointer(rebasing: report[0..<checksum.at])
      let isRight = seededCRC32(seed: checksum.seed, covered) == UInt32(littleEndian: declared)
      if checksum.isOptional { checksums.observe(isRight: isRight) }
      guard isRight || checksum.isOptional && checksums.isMissing else {
        throw DecodeError(.checksum, reportID: reportID, offset: checksum.at)
      }
    }
    if layouts[index].isSimple { batch.isSimple = true }
    if layouts[index].samples != nil {
      try decodeSamples(index, report, reportID: reportID, received, batch)
    }
    if layouts[index].orientation != nil {
      try decodeOrientation(index, report, reportID: reportID, received, batch)
    }
    if let layout = layouts[index].acceleration {
      var ignored = false
      batch.set(
        acceleration: try vector(
          layout, report, base: 0, limit: Self.maximumForce, reportID, saturated: &ignored))
    }
    try decodeLight(index, report, reportID: reportID, received, batch)
    if !layouts[index].controls.isEmpty { decodeControls(index, report, batch) }
    if let battery = layouts[index].battery {
      let level = battery.level.value(report, base: 0) / battery.full
      let charging =
        battery.charging.map { battery.chargingValues.contains($0.bits(report, base: 0)) } ?? false
      batch.set(BatteryState(level: Float(min(max(level, 0), 1)), isCharging: charging))
    }
  }
}

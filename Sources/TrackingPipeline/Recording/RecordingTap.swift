import Sensing
import SessionLog
import Spatial
import Synchronization
import Tracking

/// Queues the input and output of the tracking thread for the recorder, in order.
///
/// Policy: `dropNewest` with a count; the tracking thread never waits. When there is room again, a record of the loss
/// follows, then the state of every device, so that a replay continues from there bit for bit.
///
/// `@unchecked Sendable`: the counters belong to the tracking thread, the rest is synchronised.
package final class RecordingTap: PipelineTap, @unchecked Sendable {
  /// The kind of a queued record; each starts with `Head`.
  package enum Kind: UInt8 {
    case report = 1
    case state
    case control
    case battery
    case link
    case health
    case partOpened
    case partClosed
    case role
    case recentered
    case snapshot
    case loss
    /// Further records belong to the next file.
    case split
    case measured
    case limitation
  }

  /// The first sixteen bytes of each record.
  package struct Head: BitwiseCopyable {
    package var time: Int64
    package var device: UInt32
    package var part: UInt16
    package var kind: UInt8
    /// A flag or a role.
    package var detail: UInt8

    package static let size = 16
  }

  /// The contents of rare records that are no plain bytes.
  package enum Attachment: Sendable {
    case part(OpenedPartRecord, isUpdate: Bool)
    case snapshot(DeviceSnapshot)
  }

  package let ring: ByteRing
  private let attachments = Mutex<[UInt64: Attachment]>([:])
  private var nextAttachment: UInt64 = 1
  private let isClosedFlag = Atomic<Bool>(false)
  private let droppedCount = Atomic<UInt64>(0)
  /// Records that found no room since the last record of a loss.
  package struct Loss {
    package var records: UInt64 = 0
    package var bytes: UInt64 = 0
    /// Nanoseconds, of the first and the last record.
    package var since: Int64 = 0
    package var until: Int64 = 0
  }

  private var lost = Loss()
  /// The queued record of the report that is being processed.
  private var open: UnsafeMutableRawBufferPointer?
  private var isSkipping = false
  private let streams: Set<RecordedStream>
  /// Describes every device's parts and state again, after a loss.
  private let describeAll: (RecordingTap) -> Void

  package init(ring: ByteRing, streams: Set<RecordedStream>, describeAll: @escaping (RecordingTap) -> Void) {
    self.ring = ring
    self.streams = streams
    self.describeAll = describeAll
  }

  package var dropped: UInt64 { droppedCount.load(ordering: .relaxed) }
  /// Whether no record follows those in the queue.
  package var isClosed: Bool { isClosedFlag.load(ordering: .acquiring) }
  package func close() { isClosedFlag.store(true, ordering: .releasing) }

  /// Returns a loss that lasted until the tap was closed, once; nil for none. For the recorder's thread, after `isClosed`.
  package func takeLastLoss() -> Loss? {
    guard isClosed, lost.records > 0 else { return nil }
    defer { lost = Loss() }
    return lost
  }

  package func take(_ number: UInt64) -> Attachment? {
    attachments.withLock { $0.removeValue(forKey: number) }
  }

  // MARK: on the tracking thread

  private func put(
    _ kind: Kind, device: UInt32, part: Int = 0, detail: UInt8 = 0, time: Int64, count: Int
  ) -> UnsafeMutableRawBufferPointer? {
    guard let record = ring.reserve(Head.size + count), let base = record.baseAddress else { return nil }
    base.storeBytes(
      of: Head(
        time: time, device: device, part: UInt16(truncatingIfNeeded: part), kind: kind.rawValue,
        detail: detail),
      as: Head.self)
    return UnsafeMutableRawBufferPointer(rebasing: record[Head.size...])
  }

  /// The body of a small record: up to three words, stored without an array.
  private struct Words {
    var count = 0
    var values: (UInt64, UInt64, UInt64) = (0, 0, 0)

    init() {}
    init(_ a: UInt64) { (count, values.0) = (1, a) }
    init(_ a: UInt64, _ b: UInt64, _ c: UInt64) { (count, values) = (3, (a, b, c)) }
  }

  /// Queues a record with a small body.
  ///
  /// - Returns: whether there was room.
  @discardableResult
  private func queue(
    _ kind: Kind, device: DeviceID, part: Int = 0, detail: UInt8 = 0, at time: Int64, _ words: Words = Words()
  ) -> Bool {
    // While records are lost, changes are not recorded: the records after the loss describe every device anew.
    guard !isSkipping else { return false }
    let size = words.count * 8
    guard
      let body = put(kind, device: device.number, part: part, detail: detail, time: time, count: size)
    else {
      lose(size, time)
      return false
    }
    withUnsafeBytes(of: words.values) {
      body.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[0..<size]))
    }
    // Within a report, the end of the report commits all records together.
    if open == nil { ring.commit() }
    return true
  }

  private func lose(_ bytes: Int, _ time: Int64) {
    if lost.records == 0 { lost.since = time }
    lost.records += 1
    lost.bytes += UInt64(bytes)
    lost.until = time
    droppedCount.add(1, ordering: .relaxed)
    ring.rollBack()
    open = nil
    isSkipping = true
  }

  /// Ends a loss once half of the queue is free.
  ///
  /// - Returns: whether records can be queued.
  private func recover(at time: Int64) -> Bool {
    guard lost.records > 0 else {
      isSkipping = false
      return true
    }
    guard ring.used < ring.capacity / 2 else { return false }
    isSkipping = false
    queue(
      .loss, device: DeviceID(0), at: time, Words(lost.records, lost.bytes, UInt64(bitPattern: lost.since)))
    lost = Loss()
    describeAll(self)
    return !isSkipping
  }

  package func begin(device: DeviceID, part: Int, report: UnsafeRawBufferPointer, received: Timestamp) {
    open = nil
    isSkipping = true
    guard recover(at: received.nanoseconds) else { return lose(report.count, received.nanoseconds) }
    let count = WireFormat.reportLength(report.count)
    guard
      let body = put(.report, device: device.number, part: part, time: received.nanoseconds, count: count)
    else { return lose(report.count, received.nanoseconds) }
    WireFormat.write(SessionReport(received: received, data: report), into: body)
    open = body
  }

  package func state(_ state: TrackedState, device: DeviceID) {
    guard !isSkipping, streams.contains(.states) else { return }
    guard
      let body = put(
        .state, device: device.number, time: state.captured.nanoseconds, count: WireFormat.stateLength)
    else { return lose(WireFormat.stateLength, state.captured.nanoseconds) }
    WireFormat.write(state, into: body)
  }

  package func end(captured: Timestamp?, deviceTicks: UInt64?) {
    if let open { WireFormat.complete(open, captured: captured, deviceTicks: deviceTicks) }
    open = nil
    if !isSkipping { ring.commit() }
  }

  package func control(_ index: Int, value: Float, device: DeviceID, at time: Timestamp) {
    guard streams.contains(.controls) else { return }
    queue(
      .control, device: device, part: index, at: time.nanoseconds, Words(UInt64(value.bitPattern)))
  }

  package func battery(_ battery: BatteryState, device: DeviceID, at time: Timestamp) {
    queue(
      .battery, device: device, detail: battery.isCharging ? 1 : 0, at: time.nanoseconds,
      Words(UInt64(battery.level.bitPattern)))
  }

  package func link(isUp: Bool, device: DeviceID, at time: Timestamp) {
    queue(.link, device: device, detail: isUp ? 1 : 0, at: time.nanoseconds)
  }

  package func health(isDegraded: Bool, device: DeviceID, at time: Timestamp) {
    queue(.health, device: device, detail: isDegraded ? 1 : 0, at: time.nanoseconds)
  }

  package func limited(
    _ limitation: TrackingLimitation, isActive: Bool, device: DeviceID, at time: Timestamp
  ) {
    let words = PackedLimitation(limitation, isActive: isActive).words
    queue(.limitation, device: device, at: time.nanoseconds, Words(words.0, words.1, words.2))
  }

  package func measured(_ measurement: PoseMeasurement, device: DeviceID, at time: Timestamp) {
    guard !isSkipping else { return }
    let count = MeasurementRecord.size
    guard
      let body = put(
        .measured, device: device.number, detail: measurement.orientation == nil ? 0 : 1,
        time: time.nanoseconds, count: count)
    else { return lose(count, time.nanoseconds) }
    MeasurementRecord.write(measurement, into: body)
    ring.commit()
  }

  // MARK: what changes among the devices; between reports, and rare

  private func queue(
    _ kind: Kind, device: DeviceID, part: Int, detail: UInt8, at time: Int64, _ attachment: Attachment
  ) {
    let number = nextAttachment
    nextAttachment += 1
    attachments.withLock { $0[number] = attachment }
    if !queue(kind, device: device, part: part, detail: detail, at: time, Words(number)) { _ = take(number) }
  }

  package func partOpened(
    _ record: OpenedPartRecord, device: DeviceID, part: Int, role: DeviceRole, isUpdate: Bool, at time: Int64
  ) {
    queue(
      .partOpened, device: device, part: part, detail: role.rawValue, at: time,
      .part(record, isUpdate: isUpdate))
  }

  package func partClosed(device: DeviceID, part: Int, code: Int32, at time: Int64) {
    queue(.partClosed, device: device, part: part, at: time, Words(UInt64(bitPattern: Int64(code))))
  }

  package func roleChanged(device: DeviceID, role: DeviceRole, at time: Int64) {
    queue(.role, device: device, detail: role.rawValue, at: time)
  }

  package func recentered(device: DeviceID, at time: Int64) { queue(.recentered, device: device, at: time) }

  package func snapshot(_ snapshot: DeviceSnapshot, device: DeviceID, at time: Int64) {
    queue(.snapshot, device: device, part: 0, detail: 0, at: time, .snapshot(snapshot))
  }

  package func split(at time: Int64) {
    queue(.split, device: DeviceID(0), at: time)
    describeAll(self)
  }
}

import Sensing
import Spatial

/// Encodes and decodes the two messages that occur a thousand times a second and device, in protobuf's wire format
/// (https://protobuf.dev/programming-guides/encoding).
///
/// swift-protobuf allocates an object and an array for each message; this encoder writes into the log's buffer. Every
/// field of a state has a fixed offset, so that two states are equal exactly when their bytes are. `SessionLogTests`
/// decodes both with the generated code.
public enum WireFormat {
  /// Size of a `TrackedState`: fifteen fields with tags of one byte, then the packed angular velocities, deviations and
  /// flags with tags of two bytes.
  public static let stateLength = 15 * 9 + (2 + 1 + 96) + 3 * 10 + 6

  private struct Cursor {
    let bytes: UnsafeMutableRawBufferPointer
    var offset = 0

    mutating func put<Value: FixedWidthInteger>(_ value: Value) {
      bytes.storeBytes(of: value.littleEndian, toByteOffset: offset, as: Value.self)
      offset += MemoryLayout<Value>.size
    }

    mutating func put(_ value: Double) { put(value.bitPattern) }

    mutating func put(field: UInt8, _ value: Int64) {
      put(field << 3 | 1)
      put(value)
    }

    mutating func put(field: UInt8, _ value: Double) {
      put(field: field, Int64(bitPattern: value.bitPattern))
    }

    /// Writes the tag of a field from 16 to 31.
    mutating func putTag(_ field: UInt8, type: UInt8) {
      let tag = UInt16(field) << 3 | UInt16(type)
      put(UInt8(tag & 0x7f | 0x80))
      put(UInt8(tag >> 7))
    }

    mutating func putVarint(_ value: Int) {
      var rest = UInt64(value)
      while rest >= 0x80 {
        put(UInt8(rest & 0x7f | 0x80))
        rest >>= 7
      }
      put(UInt8(rest))
    }
  }

  public static func write(_ state: TrackedState, into bytes: UnsafeMutableRawBufferPointer) {
    var cursor = Cursor(bytes: bytes)
    cursor.put(field: 1, state.captured.nanoseconds)
    cursor.put(field: 2, state.received.nanoseconds)
    let orientation = state.worldFromDevice.orientation.components
    for index in 0..<4 { cursor.put(field: UInt8(3 + index), orientation[index]) }
    for index in 0..<3 { cursor.put(field: UInt8(7 + index), state.worldFromDevice.position[index]) }
    for index in 0..<3 { cursor.put(field: UInt8(10 + index), state.angularVelocity[index]) }
    for index in 0..<3 { cursor.put(field: UInt8(13 + index), state.linearVelocity[index]) }
    cursor.putTag(16, type: 2)
    cursor.putVarint(96)
    for index in 0..<4 {
      for axis in 0..<3 { cursor.put(state.predictedAngularVelocities[index][axis]) }
    }
    cursor.putTag(17, type: 1)
    cursor.put(state.uncertainty.inclination)
    cursor.putTag(18, type: 1)
    cursor.put(state.uncertainty.heading)
    cursor.putTag(19, type: 1)
    cursor.put(state.uncertainty.position)
    cursor.putTag(20, type: 5)
    cursor.put(state.flags.rawValue)
  }

  /// Decodes bytes that `write` made; returns nil for others.
  public static func state(_ bytes: UnsafeRawBufferPointer) -> TrackedState? {
    guard bytes.count == stateLength else { return nil }
    func integer(_ offset: Int) -> Int64 {
      Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Int64.self))
    }
    func double(_ offset: Int) -> Double { Double(bitPattern: UInt64(bitPattern: integer(offset))) }
    func vector(_ field: Int) -> Vector3 {
      let start = (field - 1) * 9 + 1
      return Vector3(double(start), double(start + 9), double(start + 18))
    }
    for field in 1...15 where bytes[(field - 1) * 9] != UInt8(field << 3 | 1) { return nil }
    var state = TrackedState(
      captured: Timestamp(nanoseconds: integer(1)), received: Timestamp(nanoseconds: integer(10)))
    state.worldFromDevice.orientation = Quaternion(
      SIMD4(double(19), double(28), double(37), double(46)))
    state.worldFromDevice.position = vector(7)
    state.angularVelocity = vector(10)
    state.linearVelocity = vector(13)
    for index in 0..<4 {
      let start = 138 + index * 24
      state.predictedAngularVelocities[index] = Vector3(double(start), double(start + 8), double(start + 16))
    }
    state.uncertainty = PoseUncertainty(inclination: double(236), heading: double(246), position: double(256))
    state.flags = TrackingFlags(
      rawValue: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 266, as: UInt32.self)))
    return state
  }

  public static func reportLength(_ count: Int) -> Int {
    var length = 27 + 2 + 1 + count
    var rest = count
    repeat {
      length += 1
      rest >>= 7
    } while rest > 0
    return length
  }

  public static func write(_ report: SessionReport, into bytes: UnsafeMutableRawBufferPointer) {
    var cursor = Cursor(bytes: bytes)
    cursor.put(field: 1, report.received.nanoseconds)
    cursor.put(field: 2, report.captured?.nanoseconds ?? 0)
    cursor.put(field: 3, Int64(bitPattern: report.deviceTicks ?? 0))
    cursor.put(UInt8(4 << 3))
    cursor.put(UInt8(report.deviceTicks == nil ? 0 : 1))
    cursor.put(UInt8(5 << 3 | 2))
    cursor.putVarint(report.data.count)
    UnsafeMutableRawBufferPointer(rebasing: bytes[cursor.offset...]).copyMemory(from: report.data)
  }

  /// Returns the times of a state; nil for bytes that `write` did not make.
  static func stateStamps(_ bytes: UnsafeRawBufferPointer) -> (captured: Timestamp, received: Timestamp)? {
    guard bytes.count == stateLength, bytes[0] == 9, bytes[9] == 17 else { return nil }
    return (time(bytes, 1), time(bytes, 10))
  }

  /// Returns the times of a report; nil for bytes that `write` did not make.
  static func reportStamps(_ bytes: UnsafeRawBufferPointer) -> (received: Timestamp, captured: Timestamp?)? {
    guard bytes.count >= 31, bytes[0] == 9, bytes[9] == 17 else { return nil }
    let captured = time(bytes, 10)
    return (time(bytes, 1), captured.nanoseconds == 0 ? nil : captured)
  }

  private static func time(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> Timestamp {
    Timestamp(nanoseconds: Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Int64.self)))
  }

  /// Sets the fields of a report that decoding determines.
  public static func complete(
    _ bytes: UnsafeMutableRawBufferPointer, captured: Timestamp?, deviceTicks: UInt64?
  ) {
    if let captured {
      bytes.storeBytes(of: captured.nanoseconds.littleEndian, toByteOffset: 10, as: Int64.self)
    }
    if let deviceTicks {
      bytes.storeBytes(of: deviceTicks.littleEndian, toByteOffset: 19, as: UInt64.self)
      bytes[28] = 1
    }
  }

  /// Decodes a `Report` with its fields in any order; returns nil for invalid bytes.
  public static func report(_ bytes: UnsafeRawBufferPointer) -> SessionReport? {
    var report = SessionReport(
      received: Timestamp(nanoseconds: 0), data: UnsafeRawBufferPointer(start: nil, count: 0))
    var ticks: UInt64 = 0
    var hasTicks = false
    var offset = 0
    func varint() -> UInt64? {
      var value: UInt64 = 0
      var shift: UInt64 = 0
      while offset < bytes.count, shift < 64 {
        let byte = bytes[offset]
        offset += 1
        value |= UInt64(byte & 0x7f) << shift
        if byte < 0x80 { return value }
        shift += 7
      }
      return nil
    }
    while offset < bytes.count {
      guard let tag = varint() else { return nil }
      switch tag & 7 {
      case 0:
        guard let value = varint() else { return nil }
        if tag >> 3 == 4 { hasTicks = value != 0 }
      case 1:
        guard bytes.count - offset >= 8 else { return nil }
        let value = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        offset += 8
        let time = Timestamp(nanoseconds: Int64(bitPattern: value))
        switch tag >> 3 {
        case 1: report.received = time
        case 2: report.captured = value == 0 ? nil : time
        case 3: ticks = value
        default: break
        }
      case 2:
        guard let count = varint(), count <= UInt64(bytes.count - offset) else { return nil }
        if tag >> 3 == 5 {
          report.data = UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + Int(count))])
        }
        offset += Int(count)
      case 5:
        guard bytes.count - offset >= 4 else { return nil }
        offset += 4
      default: return nil
      }
    }
    if hasTicks { report.deviceTicks = ticks }
    return report
  }
}

/// One report with its three times.
public struct SessionReport {
  /// Time of the read.
  public var received: Timestamp
  /// Capture time of its newest sample; nil without a sample.
  public var captured: Timestamp?
  /// The device's clock at that sample, in ticks.
  public var deviceTicks: UInt64?
  /// Valid until the reader moves to the next record.
  public var data: UnsafeRawBufferPointer

  public init(
    received: Timestamp, captured: Timestamp? = nil, deviceTicks: UInt64? = nil, data: UnsafeRawBufferPointer
  ) {
    self.received = received
    self.captured = captured
    self.deviceTicks = deviceTicks
    self.data = data
  }
}

import Sensing
import Spatial

/// Cuts the radio messages of a Watchman dongle into virtual reports that a description can decode.
///
/// A message is up to 29 bytes: time bits 31…24, length, time bits 23…16, then events. An event's first byte
/// has its top three bits set; what follows the last event is light data, and bytes behind the announced
/// length are left over from earlier packets. (Framing v1, seen in the LighthouseRedox captures.)
///
/// The second generation starts with a byte of flags instead: inertial data, a word on the device's state, input, light,
/// in this order. How the light is coded a word on its state tells. (libsurvive, driver_vive.c: facts, and the packets
/// quoted there.)
final class WatchmanSplitter: ReportSplitter {
  /// What the messages hold. Raw values are the indices of the virtual reports.
  enum Frame: Int, CaseIterable {
    /// u32 ticks (48 MHz, low 8 bits zero), i16 accelerometer[3], i16 gyroscope[3].
    case inertial = 0
    /// u8 of button bits.
    case buttons = 1
    /// u8.
    case trigger = 2
    /// i16 x, i16 y.
    case trackpad = 3
    /// u8: bit 7 charging, bits 0…6 percent.
    case battery = 4
    /// i16 x, i16 y: what the second generation sends in the trackpad's place while no finger is on that.
    case thumbstick = 5
    /// u8 of touch bits, then u8 each: distance of the middle, ring, little and index finger, force of the hand and of
    /// the finger on the pad.
    case fingers = 6

    var name: String {
      switch self {
      case .inertial: "watchman_inertial"
      case .buttons: "watchman_buttons"
      case .trigger: "watchman_trigger"
      case .trackpad: "watchman_trackpad"
      case .battery: "watchman_battery"
      case .thumbstick: "watchman_thumbstick"
      case .fingers: "watchman_fingers"
      }
    }
  }

  static let messageLength = 29
  private let inertial = UnsafeMutableRawBufferPointer.allocate(byteCount: 16, alignment: 8)
  var isLinked = false

  private let isSecond: Bool
  /// A finger is on the pad: what moves is the finger, not the stick.
  private var isPadTouched = false
  /// How the second generation codes light, as its radio last said: pulses, or what the device has decoded.
  private enum LightMode: Int, CaseIterable { case unknown, pulses, stream }
  private var lightMode = LightMode.unknown

  init(isSecond: Bool) { self.isSecond = isSecond }

  deinit { inertial.deallocate() }

  func archive(_ archive: StateArchive) {
    archive.code(&isLinked)
    guard isSecond else { return }
    archive.code(&isPadTouched)
    var mode = lightMode.rawValue
    archive.code(&mode, in: 0...(LightMode.allCases.count - 1))
    lightMode = LightMode(rawValue: mode) ?? .unknown
  }

  func split(
    _ report: UnsafeRawBufferPointer, received: Timestamp, into batch: SampleBatch, emit: Emit
  ) throws(DecodeError) -> DecodeOutcome {
    let messages: Int
    switch report[0] {
    case 0x23: messages = 1
    case 0x24: messages = 2
    case 0x26:
      guard report.count >= 2 else { throw DecodeError(.tooShort, reportID: 0x26, offset: report.count) }
      if report[1] == 1 {
        isLinked = false
        lightMode = .unknown
        batch.linkChange = false
      }
      return .decoded
    default: return .ignored
    }
    guard report.count >= 1 + messages * Self.messageLength else {
      throw DecodeError(.tooShort, reportID: report[0], offset: report.count)
    }
    if !isLinked {
      isLinked = true
      batch.linkChange = true
    }
    for message in 0..<messages {
      try split(report, at: 1 + message * Self.messageLength, received, batch, emit)
    }
    return .decoded
  }

  private func split(
    _ report: UnsafeRawBufferPointer, at start: Int, _ received: Timestamp, _ batch: SampleBatch,
    _ emit: Emit
  ) throws(DecodeError) {
    let announced = Int(report[start + 1])
    // A slot without a message has length 0; its payload is one byte shorter than announced.
    guard announced > 0 else { return }
    let end = start + 3 + announced - 1
    guard announced <= Self.messageLength - 2 else {
      throw DecodeError(.malformedFrame, reportID: report[0], offset: start + 1)
    }
    var index = start + 3

    func take(_ count: Int) throws(DecodeError) -> UnsafeRawBufferPointer {
      guard index + count <= end else {
        throw DecodeError(.malformedFrame, reportID: report[0], offset: index)
      }
      defer { index += count }
      return UnsafeRawBufferPointer(rebasing: report[index..<index + count])
    }

    func emitInertial() throws(DecodeError) {
      let block = try take(13)
      inertial[0] = 0
      inertial[1] = block[0]
      inertial[2] = report[start + 2]
      inertial[3] = report[start]
      for offset in 0..<12 { inertial[4 + offset] = block[1 + offset] }
      _ = try emit(Frame.inertial.rawValue, UnsafeRawBufferPointer(inertial))
    }

    /// Buttons, trigger and what moves, as flags say.
    func emitInput(_ flags: UInt8) throws(DecodeError) {
      if flags & 0x01 != 0 {
        let buttons = try take(1)
        isPadTouched = buttons[0] & 0x02 != 0
        _ = try emit(Frame.buttons.rawValue, buttons)
      }
      if flags & 0x04 != 0 { _ = try emit(Frame.trigger.rawValue, try take(1)) }
      if flags & 0x02 != 0 {
        _ = try emit(
          (isSecond && !isPadTouched ? Frame.thumbstick : .trackpad).rawValue, try take(4))
      }
    }

    let time = UInt16(report[start]) << 8 | UInt16(report[start + 2])

    func emitPulses() throws(DecodeError) {
      // Three bytes are a time without a pulse.
      guard end - index > 3 else { return }
      let isLight = WatchmanLight.pulses(
        UnsafeRawBufferPointer(rebasing: report[index..<end]), time: time
      ) { sensor, ticks, length in
        batch.append(
          OpticalSample(
            received: received, sensor: sensor, ticks: UInt64(ticks), length: length,
            rate: LighthouseStream.rate))
      }
      guard isLight else { throw DecodeError(.malformedFrame, reportID: report[0], offset: index) }
    }

    func emitStream() throws(DecodeError) {
      let isLight = LighthouseStream.samples(
        UnsafeRawBufferPointer(rebasing: report[index..<end]), message: UInt32(time) << 16,
        received: received
      ) { batch.append($0) }
      guard isLight else { throw DecodeError(.malformedFrame, reportID: report[0], offset: index) }
    }

    guard isSecond else {
      while index < end, report[index] & 0xe0 == 0xe0 {
        let flags = report[index]
        index += 1
        if flags & 0x10 != 0 {
          try emitInput(flags)
        } else if flags & 0x01 != 0 {
          _ = try emit(Frame.battery.rawValue, try take(1))
        }
        // A word that it is there.
        if flags == 0xe2 { return }
        if flags & 0x08 != 0 { try emitInertial() }
      }
      return try emitPulses()
    }
    guard index < end else { return }
    let flags = try take(1)[0]
    // A word that it is there.
    guard flags != 0xe2 else { return }
    if flags & 0x80 != 0 { try emitInertial() }
    if flags & 0x40 != 0 {
      switch try take(1)[0] {
      case 0x80: _ = try emit(Frame.battery.rawValue, try take(1))
      case 0x20: lightMode = try take(1)[0] == 0 ? .pulses : .stream
      case 0x30: _ = try take(2)
      // How long it is nobody knows: what follows can't be read.
      default: return
      }
    }
    if flags & 0x20 != 0 {
      let input = try take(1)[0]
      if input & 0x07 != 0 {
        try emitInput(input)
      } else if try take(1)[0] == 0xa1 {
        _ = try emit(Frame.fingers.rawValue, try take(7))
      } else {
        // How long it is nobody knows.
        return
      }
    }
    guard flags & 0x10 != 0 else { return }
    switch lightMode {
    // It says so every ten seconds; until then the light can't be read.
    case .unknown: return
    case .pulses: try emitPulses()
    case .stream: try emitStream()
    }
  }
}

import CLinux
import CSDL2
import Devices
import Diagnostics
import Foundation
import Sensing
import Spatial
import Synchronization

/// Game controllers through SDL2, on a thread of their own: each becomes a transport whose reports are made from SDL's
/// events, in the layout of devices/game-controller.yaml.
///
/// A pad that a description of the catalogue reads is ignored: it must not become two devices, and two writers disturb
/// each other.
///
/// `@unchecked Sendable`: SDL and the table of pads belong to the thread in `run`; requests come through a mutex.
public final class SDLControllers: @unchecked Sendable {
  private final class Pad {
    let handle: OpaquePointer
    let writer: ReportPipe
    let hasMotion: Bool
    var force = Vector3.zero
    var touch: (isDown: Bool, x: Float, y: Float) = (false, 0, 0)

    init(handle: OpaquePointer, writer: ReportPipe, hasMotion: Bool) {
      self.handle = handle
      self.writer = writer
      self.hasMotion = hasMotion
    }
  }

  /// A request of another thread to a pad.
  private enum Output: Sendable {
    case rumble(pad: Int32, low: UInt16, high: UInt16)
    case light(pad: Int32, red: UInt8, green: UInt8, blue: UInt8)
  }

  private let isKnown: @Sendable (_ vendor: UInt16, _ product: UInt16) -> Bool
  private let attached: @Sendable (PipeTransport) -> Void
  private let isStopping = Atomic<Bool>(false)
  /// Bounded, policy `dropOldest`: a pad acts on its newest request, so that older ones may be lost.
  private let outputs = Mutex<[Output]>([])
  private static let maximumOutputs = 256
  private var pads: [Int32: Pad] = [:]

  /// Rumble is ended by a later request; this limit ends it after the bridge was killed.
  private static let rumbleMilliseconds: UInt32 = 10_000

  /// - Parameters:
  ///   - isKnown: whether a description of the catalogue reads the device.
  ///   - attached: called with each pad; its transport must be read until it ends.
  public init(
    isKnown: @escaping @Sendable (UInt16, UInt16) -> Bool,
    attached: @escaping @Sendable (PipeTransport) -> Void
  ) {
    self.isKnown = isKnown
    self.attached = attached
  }

  /// Makes `run` return; from any thread.
  public func stop() { isStopping.store(true, ordering: .relaxed) }

  /// The thread's body.
  ///
  /// - Returns: SDL's error when it can't be used; nil after `stop`.
  public func run() -> String? {
    SDL_SetMainReady()
    for (hint, value) in [
      // A service handles its own signals and has no window.
      ("SDL_NO_SIGNAL_HANDLERS", "1"), ("SDL_JOYSTICK_ALLOW_BACKGROUND_EVENTS", "1"),
      ("SDL_VIDEODRIVER", "dummy"), ("SDL_AUTO_UPDATE_SENSORS", "1"),
      // Buttons by their position, as in OpenXR, not by their letter.
      ("SDL_GAMECONTROLLER_USE_BUTTON_LABELS", "0"),
    ] { SDL_SetHint(hint, value) }
    // SDL writes to a pad as soon as its own driver opens it; pads read through a description must not be written to.
    let drivers: [(UInt16, UInt16, String)] = [
      (0x054c, 0x0ce6, "PS5"), (0x054c, 0x05c4, "PS4"), (0x057e, 0x2009, "SWITCH"),
      (0x057e, 0x2006, "JOY_CONS"),
    ]
    for (vendor, product, name) in drivers where isKnown(vendor, product) {
      SDL_SetHint("SDL_JOYSTICK_HIDAPI_\(name)", "0")
    }
    guard SDL_InitSubSystem(UInt32(SDL_INIT_GAMECONTROLLER)) == 0 else {
      return SDL_GetError().map { String(cString: $0) } ?? "unknown"
    }
    defer {
      for pad in pads.values { close(pad) }
      pads = [:]
      // Its audio may be in use.
      SDL_QuitSubSystem(UInt32(SDL_INIT_GAMECONTROLLER))
    }
    var event = SDL_Event()
    while !isStopping.load(ordering: .relaxed) {
      // SDL polls the pads; without a wait of its own it would do so without end.
      if SDL_WaitEventTimeout(&event, 4) == 1 {
        repeat { handle(event) } while SDL_PollEvent(&event) == 1
      }
      let waiting = outputs.withLock { list in
        defer { list = [] }
        return list
      }
      for output in waiting {
        switch output {
        case .rumble(let pad, let low, let high):
          guard let handle = pads[pad]?.handle else { continue }
          SDL_GameControllerRumble(handle, low, high, Self.rumbleMilliseconds)
        case .light(let pad, let red, let green, let blue):
          guard let handle = pads[pad]?.handle else { continue }
          SDL_GameControllerSetLED(handle, red, green, blue)
        }
      }
    }
    return nil
  }

  private func handle(_ event: SDL_Event) {
    switch SDL_EventType(event.type) {
    case SDL_CONTROLLERDEVICEADDED: open(index: event.cdevice.which)
    case SDL_CONTROLLERDEVICEREMOVED:
      if let pad = pads.removeValue(forKey: event.cdevice.which) { close(pad) }
    case SDL_CONTROLLERAXISMOTION: if let pad = pads[event.caxis.which] { sendControls(pad) }
    case SDL_CONTROLLERBUTTONDOWN, SDL_CONTROLLERBUTTONUP:
      if let pad = pads[event.cbutton.which] { sendControls(pad) }
    case SDL_CONTROLLERTOUCHPADDOWN, SDL_CONTROLLERTOUCHPADMOTION, SDL_CONTROLLERTOUCHPADUP:
      guard let pad = pads[event.ctouchpad.which], event.ctouchpad.finger == 0 else { return }
      pad.touch = (
        SDL_EventType(event.type) != SDL_CONTROLLERTOUCHPADUP, event.ctouchpad.x, event.ctouchpad.y
      )
      sendControls(pad)
    case SDL_CONTROLLERSENSORUPDATE:
      guard let pad = pads[event.csensor.which] else { return }
      let data = event.csensor.data
      let value = Vector3(Double(data.0), Double(data.1), Double(data.2))
      if event.csensor.sensor == SDL_SENSOR_ACCEL.rawValue {
        pad.force = value
      } else if event.csensor.sensor == SDL_SENSOR_GYRO.rawValue {
        // SDL reports the two sensors one after the other; the newest acceleration goes with the angular velocity.
        sendMotion(pad, rate: value, microseconds: event.csensor.timestamp_us)
      }
    default: break
    }
  }

  private func open(index: Int32) {
    let joystick = SDL_JoystickGetDeviceInstanceID(index)
    let (vendor, product) = (SDL_JoystickGetDeviceVendor(index), SDL_JoystickGetDeviceProduct(index))
    guard pads[joystick] == nil, !isKnown(vendor, product), let handle = SDL_GameControllerOpen(index) else {
      return
    }
    func text(_ pointer: UnsafePointer<CChar>?) -> String { pointer.map { String(cString: $0) } ?? "" }
    let sensors = [SDL_SENSOR_GYRO, SDL_SENSOR_ACCEL]
    let hasMotion = sensors.allSatisfy { SDL_GameControllerHasSensor(handle, $0) == SDL_TRUE }
    if hasMotion { for sensor in sensors { SDL_GameControllerSetSensorEnabled(handle, sensor, SDL_TRUE) } }
    let name = text(SDL_GameControllerName(handle))
    // Without a serial number the pad is identified by its path, where SDL reports one.
    let path = text(SDL_GameControllerPath(handle))
    let identity = InterfaceIdentity(
      bus: .virtual, vendor: 0, product: 0, serial: printable(text(SDL_GameControllerGetSerial(handle))),
      physicalPath: "sdl-\(path.isEmpty ? name : path)/input0",
      name: (hasMotion ? "SDL motion: " : "SDL pad: ") + printable(name))
    guard
      let (reader, writer) = try? ReportPipe.make(
        identity: identity, descriptor: nil, responder: OutputTaker(pad: joystick, owner: self),
        isPatient: false)
    else { return SDL_GameControllerClose(handle) }
    let pad = Pad(handle: handle, writer: writer, hasMotion: hasMotion)
    pads[joystick] = pad
    attached(reader)
    sendControls(pad)
  }

  private func close(_ pad: Pad) {
    pad.writer.finish()
    SDL_GameControllerClose(pad.handle)
  }

  // MARK: reports

  private func sendControls(_ pad: Pad) {
    var report: [UInt8] = [2]
    var buttons: UInt32 = 0
    for index in 0..<21 {
      let button = SDL_GameControllerButton(Int32(index))
      if SDL_GameControllerGetButton(pad.handle, button) != 0 { buttons |= 1 << UInt32(index) }
    }
    append(&report, buttons)
    for index in 0..<6 {
      append(
        &report,
        UInt16(bitPattern: SDL_GameControllerGetAxis(pad.handle, SDL_GameControllerAxis(Int32(index)))))
    }
    report.append(pad.touch.isDown ? 1 : 0)
    append(&report, pad.touch.x.bitPattern)
    append(&report, pad.touch.y.bitPattern)
    let level = SDL_JoystickCurrentPowerLevel(SDL_GameControllerGetJoystick(pad.handle))
    switch level {
    case SDL_JOYSTICK_POWER_EMPTY: report.append(0)
    case SDL_JOYSTICK_POWER_LOW: report.append(1)
    case SDL_JOYSTICK_POWER_MEDIUM: report.append(2)
    case SDL_JOYSTICK_POWER_FULL: report.append(4)
    // On its cable, or unknown.
    default: report.append(4 | 1 << 4)
    }
    _ = pad.writer.send(report, at: Timestamp(nanoseconds: linux_monotonic_ns()))
  }

  private func sendMotion(_ pad: Pad, rate: Vector3, microseconds: UInt64) {
    let now = linux_monotonic_ns()
    var report: [UInt8] = [1]
    // Pads that have no counter get the time of arrival.
    append(&report, microseconds > 0 ? microseconds : UInt64(now / 1000))
    for value in [rate.x, rate.y, rate.z, pad.force.x, pad.force.y, pad.force.z] {
      append(&report, Float(value).bitPattern)
    }
    _ = pad.writer.send(report, at: Timestamp(nanoseconds: now))
  }

  private func append(_ report: inout [UInt8], _ value: some FixedWidthInteger) {
    withUnsafeBytes(of: value.littleEndian) { report.append(contentsOf: $0) }
  }

  /// Takes requests for rumble and light from other threads.
  private final class OutputTaker: FeatureResponder {
    private let pad: Int32
    private weak let owner: SDLControllers?
    init(pad: Int32, owner: SDLControllers) {
      self.pad = pad
      self.owner = owner
    }
    func getFeature(id: UInt8, length: Int) -> [UInt8]? { nil }
    func setFeature(_ report: [UInt8]) -> Bool { false }
    func output(_ report: [UInt8]) {
      let output: Output
      if report.count >= 5, report[0] == 0x10 {
        output = .rumble(
          pad: pad, low: UInt16(report[1]) | UInt16(report[2]) << 8,
          high: UInt16(report[3]) | UInt16(report[4]) << 8)
      } else if report.count >= 4, report[0] == 0x11 {
        output = .light(pad: pad, red: report[1], green: report[2], blue: report[3])
      } else {
        return
      }
      owner?.outputs.withLock { outputs in
        if outputs.count >= maximumOutputs { outputs.removeFirst() }
        outputs.append(output)
      }
    }
  }
}

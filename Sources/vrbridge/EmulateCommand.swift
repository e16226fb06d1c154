import ArgumentParser
import Bridge
import CLinux
import Devices
import Foundation
import Glibc
import Sensing
import Spatial

struct EmulateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "emulate",
    abstract: "Emulate a device of a family: as a file, or as a HID device of this machine.",
    discussion: """
      With --out, writes a recording that 'vrbridge run --device recorded:FILE' plays. With --uhid, the kernel
      gets a HID device through /dev/uhid until Ctrl-C; with --usb, a whole USB device through the virtual host
      controller of USB/IP (module vhci_hcd). Both need root.
      """)

  @Argument(help: "Family; 'vrbridge devices --known' lists them.")
  var family: String

  @Option(help: "Part of the description; the first that reports motion when not given.")
  var part: String?

  @Option(help: "Recording to write (.hid or .hid.gz).")
  var out: String?

  @Flag(help: "Make a device of the kernel.")
  var uhid = false

  @Flag(help: "Plug a USB device into the virtual host controller.")
  var usb = false

  @Option(
    help: ArgumentHelp(
      "For the family slimevr: send to the bridge there.", valueName: "address[:port]"))
  var udp: String?

  @Option(help: "Seconds of a recording (10 when not given), or of one plugging.")
  var duration: Double?

  @Option(help: "With --usb or --uhid: plug in this often.")
  var cycles = 1

  @Option(help: "Seconds between two pluggings.")
  var gap = 1.0

  @Option(help: "Samples per second; the description's when not given.")
  var rate: Double?

  @Option(
    help: "With --usb or --uhid: write when each report went out, one number a line (ns, CLOCK_MONOTONIC).")
  var trace: String?

  @Option(help: "With --usb, misbehave: \(USBIPDevice.faults.joined(separator: ", ")).")
  var fault: String?

  @Option(help: "Motion: looking, gesturing or still.")
  var motion: String = "looking"

  @Option(help: "Errors of the inertial unit: none or consumer.")
  var errors: String = "consumer"

  @Option(help: "Serial number.")
  var serial: String = "EMULATED-1"

  @Option(help: "Samples in one report, where the format has room for several.")
  var samplesPerReport: Int = 1

  @Option(help: "With --usb: plug in so many, with numbers behind their serial numbers.")
  var count: Int = 1

  @Flag(help: "With --usb: the part alone, without the device's other interfaces.")
  var alone = false

  @Option(help: "With --usb: say so often, in seconds, how many reports were fetched.")
  var tellEvery: Double?

  @Option(help: "Seed of motion and noise.")
  var seed: UInt64 = 1

  @Option(help: "Folder of device descriptions.")
  var descriptions: String?

  func run() async throws {
    let catalog = try catalog(descriptions)
    guard let description = catalog.description(family: family) else {
      let known = catalog.descriptions.map(\.family).joined(separator: ", ")
      throw ValidationError("the family '\(family)' is not known; known: \(known)")
    }
    let motions = [
      "looking": HeadMotion.lookingAround(seed: seed), "gesturing": .gesturing(seed: seed), "still": .still(),
    ]
    guard let chosen = motions[motion] else { throw ValidationError("--motion: looking, gesturing or still") }
    let models = ["none": InertialErrors.none, "consumer": .consumer(seed: seed)]
    guard let model = models[errors] else { throw ValidationError("--errors: none or consumer") }
    if let rate, !(rate > 0 && rate <= 10_000) { throw ValidationError("--rate: above 0 and at most 10000") }
    guard (1...16).contains(samplesPerReport) else { throw ValidationError("--samples-per-report: 1 to 16") }
    guard cycles > 0, gap >= 0, gap <= 3600 else {
      throw ValidationError("--cycles and --gap: 1 or more, 0 to 3600")
    }
    guard (1...32).contains(count), count == 1 || usb else {
      throw ValidationError("--count: 1 to 32, with --usb")
    }
    if let tellEvery, !(tellEvery >= 0.01 && tellEvery <= 86_400) {
      throw ValidationError("--tell-every: a hundredth of a second to a day")
    }
    if let fault, !USBIPDevice.faults.contains(fault) {
      throw ValidationError("--fault: one of \(USBIPDevice.faults.joined(separator: ", "))")
    }
    if let duration, !(duration > 0 && duration <= 86_400) {
      throw ValidationError("--duration: above 0 and at most a day")
    }
    let options = EmulatedDevice.Options(
      part: part, motion: chosen, errors: model, serial: serial, sampleRate: rate,
      samplesPerReport: samplesPerReport, seed: seed)
    let device: EmulatedDevice
    do { device = try EmulatedDevice(description, options: options) } catch {
      throw ValidationError(String(describing: error))
    }
    if let udp {
      guard family == "slimevr" else { throw ValidationError("--udp: only slimevr trackers send datagrams") }
      return try await track(udp, chosen)
    }
    do {
      switch (out, uhid, usb) {
      case (let path?, false, false): try write(device, to: path)
      case (nil, true, false):
        let seconds = duration
        let file = trace
        try await plug(device) { stop in
          let plugged = try UHIDDevice(device)
          let times = Times()
          if file != nil { plugged.trace = { times.list.append($0) } }
          try plugged.run(until: stop, seconds: seconds)
          if let file { try times.write(to: file) }
        }
      case (nil, false, true):
        let (fault, seconds, count, alone, period) = (fault, duration, count, alone, tellEvery ?? .infinity)
        let file = trace
        try await plug(device) { stop in
          let times = Times()
          let plugged = try (1...count).map { number in
            var options = options
            if count > 1 { options.serial += String(number) }
            let parts = try EmulatedDevice.unit(description, options: options)
            let device = try USBIPDevice(alone ? Array(parts.prefix(1)) : parts, fault: fault)
            if file != nil { device.trace = { times.list.append($0) } }
            return device
          }
          func tell() {
            for device in plugged {
              Terminal.write(
                "\(device.serial): \(device.sentReports) reports fetched, \(device.skipped) not asked for in time\n"
              )
            }
          }
          try USBIPDevice.run(plugged, until: stop, seconds: seconds, every: period, tell: tell)
          if let file { try times.write(to: file) }
          tell()
        }
      default: throw ValidationError("say where the device shall appear: --out FILE, --uhid or --usb")
      }
    } catch let error as TransportError where error.code == EACCES || error.code == ENOENT {
      throw Failure("\(error); load the module (modprobe \(usb ? "vhci_hcd" : "uhid")) and run as root")
    } catch let error as ValidationError {
      throw error
    } catch {
      throw Failure(String(describing: error))
    }
  }

  private func track(_ place: String, _ motion: HeadMotion) async throws {
    do {
      let listener = try TrackerListener(text: place)
      let stop = linux_eventfd()
      defer { Glibc.close(stop) }
      let (serial, rate, seconds) = (serial, rate ?? 100, duration)
      Terminal.write(
        "a SlimeVR tracker is emulated towards \(listener.address):\(listener.port); Ctrl-C ends\n")
      try await onInterrupt {
        linux_eventfd_signal(stop)
      } while: {
        let tracker = try EmulatedSlimeVRTracker(
          address: listener.address, port: listener.port, serial: serial, motion: motion, rate: rate)
        try tracker.run(until: stop, seconds: seconds)
      }
    } catch {
      throw Failure(String(describing: error))
    }
  }

  /// Plugs in as often as asked, until Ctrl-C.
  private func plug(
    _ device: EmulatedDevice, _ body: @escaping @Sendable (_ stop: Int32) throws -> Void
  ) async throws {
    Terminal.write(
      "\(device.match.description.name) is emulated as \(device.identity.vendorProduct), serial \(serial); Ctrl-C ends\n"
    )
    let stop = linux_eventfd()
    defer { Glibc.close(stop) }
    let (cycles, gap) = (cycles, gap)
    try await onInterrupt {
      linux_eventfd_signal(stop)
    } while: {
      for cycle in 1...cycles {
        try body(stop)
        guard cycle < cycles else { return }
        var descriptor = pollfd(fd: stop, events: Int16(POLLIN), revents: 0)
        if poll(&descriptor, 1, Int32(gap * 1000)) > 0 { return }
      }
    }
  }

  private func write(_ device: EmulatedDevice, to path: String) throws {
    let duration = duration ?? 10
    let writer = try HIDRecordingWriter(path: path)
    var identity = device.identity
    identity.origin = .recorded
    try writer.begin([(identity, device.descriptorBytes)])
    for exchange in try device.featureTranscript() { try writer.feature(exchange, interface: 0) }
    var generator = try device.generator()
    var count = 0
    while true {
      let step = generator.next()
      guard step.time <= duration else { break }
      for report in step.reports {
        try writer.report(report, interface: 0, at: Timestamp(nanoseconds: Int64(step.time * 1e9)))
        count += 1
      }
    }
    try writer.finish()
    Terminal.write("\(count) reports, \(duration) s, to \(path)\n")
  }
}

/// When reports went out, and at the end when the device did.
private final class Times {
  var list: [Int64] = []

  func write(to path: String) throws {
    list.append(linux_monotonic_ns())
    let text = list.map(String.init).joined(separator: "\n") + "\n"
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
  }
}

/// Runs blocking work on a thread; Ctrl-C and SIGTERM call `interrupt`.
func onInterrupt<Result: Sendable>(
  _ interrupt: @escaping @Sendable () -> Void, while body: sending @escaping () throws -> Result
) async throws -> Result {
  let sources = [SIGINT, SIGTERM].map { number in
    signal(number, SIG_IGN)
    let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
    source.setEventHandler { interrupt() }
    source.resume()
    return source
  }
  defer { for source in sources { source.cancel() } }
  let work = WorkBox(body)
  return try await withCheckedThrowingContinuation { continuation in
    let thread = Thread { continuation.resume(with: Swift.Result { try work.body() }) }
    thread.start()
  }
}

/// `@unchecked Sendable`: the closure is handed to one thread and not used by the giver again.
private struct WorkBox<Result>: @unchecked Sendable {
  let body: () throws -> Result
  init(_ body: @escaping () throws -> Result) { self.body = body }
}

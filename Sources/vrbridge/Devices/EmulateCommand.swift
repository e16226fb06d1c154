import ArgumentParser
import Bridge
import CLinux
import CommandSupport
import DeviceEmulation
import Devices
import Diagnostics
import Foundation
import Glibc
import Sensing
import Spatial
import Synchronization

struct EmulateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "emulate",
    abstract: "Emulate a device of a family: as a recording, or as a HID or USB device of this machine.",
    discussion: discussion(
      """
      --out writes a recording that 'vrbridge run --device recorded:FILE' plays. --uhid makes a HID device through \
      /dev/uhid until Ctrl-C; --usb makes a USB device through the virtual host controller of USB/IP (module \
      vhci_hcd). Both need root.
      """,
      examples: "vrbridge emulate htc-vive --out vive.hid.gz --duration 30",
      "sudo \"$(command -v vrbridge)\" emulate oculus-dk2 --uhid"))

  @Argument(help: "Family; 'vrbridge devices --known' lists them.", completion: .family)
  var family: String

  @Option(
    help: ArgumentHelp(
      "Emulate this part of the description (default: the first that reports motion).", valueName: "name"))
  var part: String?

  @Option(
    help: ArgumentHelp("Write a recording to this .hid or .hid.gz file (default: none).", valueName: "file"),
    completion: .file())
  var out: String?

  @Flag(help: "Make a HID device through /dev/uhid.")
  var uhid = false

  @Flag(help: "Plug a USB device into the virtual host controller.")
  var usb = false

  @Option(
    help: ArgumentHelp(
      "Send datagrams to the bridge at this address, for the family slimevr (default: none).",
      valueName: "address[:port]"))
  var udp: String?

  @Option(
    help: ArgumentHelp(
      "Record, or stay plugged in, for this many seconds, up to 86400 (default: 10 for a recording, else until Ctrl-C).",
      valueName: "seconds"))
  var duration: Double?

  @Option(help: "Plug the device in this many times with --usb or --uhid.")
  var cycles = 1

  @Option(help: "Stay unplugged for this many seconds between cycles, 0 to 3600.")
  var gap = 1.0

  @Option(
    help: ArgumentHelp(
      "Send this many samples per second, up to 10000 (default: the description's).", valueName: "rate"))
  var rate: Double?

  @Option(
    help: ArgumentHelp(
      "Write the send time of each report to this file, one per line (ns, CLOCK_MONOTONIC), with --usb or --uhid (default: none).",
      valueName: "file"), completion: .file())
  var trace: String?

  @Option(
    help: ArgumentHelp(
      "Inject this fault with --usb: \(USBIPDevice.faults.joined(separator: ", ")) (default: none).",
      valueName: "fault"), completion: .list(USBIPDevice.faults))
  var fault: String?

  @Option(
    help: "Follow this motion: looking, gesturing or still.",
    completion: .list(["looking", "gesturing", "still"]))
  var motion: String = "looking"

  @Option(help: "Add these IMU errors: none or consumer.", completion: .list(["none", "consumer"]))
  var errors: String = "consumer"

  @Option(help: "Use this serial number.")
  var serial: String = "EMULATED-1"

  @Option(help: "Put this many samples into one report if the format allows it, 1 to 16.")
  var samplesPerReport: Int = 1

  @Option(help: "Plug in this many devices with --usb, 1 to 32; numbers are appended to the serial number.")
  var count: Int = 1

  @Flag(help: "Emulate the part alone with --usb, without the device's other interfaces.")
  var alone = false

  @Option(
    name: [.customLong("report-every"), .customLong("tell-every")],
    help: ArgumentHelp(
      "Print the number of fetched reports at this interval in seconds with --usb, 0.01 to 86400 (default: at the end).",
      valueName: "seconds"))
  var reportEvery: Double?

  @Option(help: "Seed motion and noise with this number.")
  var seed: UInt64 = 1

  @Option(help: .descriptions, completion: .directory)
  var descriptions: String?

  func run() async throws {
    let catalog = try catalog(descriptions)
    guard let description = catalog.description(family: family) else {
      let known = catalog.descriptions.map(\.family).joined(separator: ", ")
      throw ValidationError("the family '\(family)' is unknown; supported: \(known)")
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
    if let reportEvery, !(reportEvery >= 0.01 && reportEvery <= 86_400) {
      throw ValidationError("--report-every: 0.01 to 86400 seconds")
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
      throw ValidationError(error.reason)
    }
    if let udp {
      guard family == "slimevr" else { throw ValidationError("--udp: only slimevr trackers send datagrams") }
      return try await track(udp, chosen)
    }
    // Once the device exists.
    let text =
      "\(device.match.description.name) is emulated as \(device.identity.vendorProduct), serial \(serial); Ctrl-C ends\n"
    let announcement = Announcement(text)
    do {
      switch (out, uhid, usb) {
      case (let path?, false, false): try write(device, to: path)
      case (nil, true, false):
        let seconds = duration
        let file = trace
        try await plug { stop in
          let plugged = try UHIDDevice(device)
          announcement.print()
          let times = Times()
          if file != nil { plugged.trace = { times.list.append($0) } }
          try plugged.run(until: stop, seconds: seconds)
          if let file { try times.write(to: file) }
        }
      case (nil, false, true):
        let (fault, seconds, count, alone, period) = (fault, duration, count, alone, reportEvery ?? .infinity)
        let file = trace
        try await plug { stop in
          let times = Times()
          let plugged = try (1...count).map { number in
            var options = options
            if count > 1 { options.serial += String(number) }
            let parts = try EmulatedDevice.unit(description, options: options)
            let device = try USBIPDevice(alone ? Array(parts.prefix(1)) : parts, fault: fault)
            if file != nil { device.trace = { times.list.append($0) } }
            return device
          }
          announcement.print()
          func report() {
            for device in plugged {
              Terminal.write(
                "\(device.serial): \(device.sentReports) reports fetched, \(device.skipped) not fetched in time\n"
              )
            }
          }
          try USBIPDevice.run(plugged, until: stop, seconds: seconds, every: period, tell: report)
          if let file { try times.write(to: file) }
          report()
        }
      default: throw ValidationError("one of --out FILE, --uhid and --usb is needed")
      }
    } catch let error as TransportError where error.code == EACCES || error.code == ENOENT {
      throw CommandError(
        "device-unavailable",
        "\(error); load the module (modprobe \(usb ? "vhci_hcd" : "uhid")) and run as root")
    }
  }

  private func track(_ target: String, _ motion: HeadMotion) async throws {
    let listener = try TrackerListener(text: target)
    let stop = linux_eventfd()
    defer { Glibc.close(stop) }
    let (serial, rate, seconds) = (serial, rate ?? 100, duration)
    try await onInterrupt {
      linux_eventfd_signal(stop)
    } while: {
      let tracker = try EmulatedSlimeVRTracker(
        address: listener.address, port: listener.port, serial: serial, motion: motion, rate: rate)
      Terminal.write(
        "a SlimeVR tracker is emulated, sending to \(listener.address):\(listener.port); Ctrl-C ends\n")
      try tracker.run(until: stop, seconds: seconds)
    }
  }

  /// Plugs in `cycles` times, until Ctrl-C.
  private func plug(_ body: @escaping @Sendable (_ stop: Int32) throws -> Void) async throws {
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
    guard count > 0 else {
      try? FileManager.default.removeItem(atPath: path)
      throw CommandError("no-reports", "no report is due within \(duration) s; raise --duration")
    }
    Terminal.write("\(count) reports, \(duration) s, to \(path)\n")
  }
}

/// A line that is printed once, however often the device is plugged in.
private final class Announcement: Sendable {
  private let text: String
  private let isPrinted = Atomic<Bool>(false)

  init(_ text: String) { self.text = text }

  func print() {
    if !isPrinted.exchange(true, ordering: .relaxed) { Terminal.write(text) }
  }
}

/// Send times of reports, followed by the time of unplugging.
private final class Times {
  var list: [Int64] = []

  func write(to path: String) throws {
    list.append(linux_monotonic_ns())
    let text = list.map(String.init).joined(separator: "\n") + "\n"
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
  }
}

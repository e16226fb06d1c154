import ArgumentParser
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
      gets a real HID device through /dev/uhid until Ctrl-C (needs permission for it).
      """)

  @Argument(help: "Family; 'vrbridge devices --known' lists them.")
  var family: String

  @Option(help: "Part of the description; the first that reports motion when not given.")
  var part: String?

  @Option(help: "Recording to write (.hid or .hid.gz).")
  var out: String?

  @Flag(help: "Make a device of the kernel.")
  var uhid = false

  @Option(help: "Seconds of a recording.")
  var duration: Double = 10

  @Option(help: "Motion: looking, gesturing or still.")
  var motion: String = "looking"

  @Option(help: "Errors of the inertial unit: none or consumer.")
  var errors: String = "consumer"

  @Option(help: "Serial number.")
  var serial: String = "EMULATED-1"

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
    let device: EmulatedDevice
    do {
      device = try EmulatedDevice(
        description,
        options: EmulatedDevice.Options(part: part, motion: chosen, errors: model, serial: serial, seed: seed)
      )
    } catch {
      throw ValidationError(String(describing: error))
    }
    switch (out, uhid) {
    case (let path?, false):
      do { try write(device, to: path) } catch { throw Failure(String(describing: error)) }
    case (nil, true):
      do {
        let kernelDevice = try UHIDDevice(device)
        Terminal.write(
          "\(description.name) is emulated as \(device.identity.vendorProduct), serial \(serial); Ctrl-C ends\n"
        )
        let stop = linux_eventfd()
        try await onInterrupt {
          linux_eventfd_signal(stop)
        } while: {
          try kernelDevice.run(until: stop)
        }
      } catch let error as TransportError where error.code == EACCES || error.code == ENOENT {
        throw Failure("\(error); load the module (modprobe uhid) and run as root")
      } catch {
        throw Failure(String(describing: error))
      }
    default: throw ValidationError("say where the device shall appear: --out FILE or --uhid")
    }
  }

  private func write(_ device: EmulatedDevice, to path: String) throws {
    guard duration > 0, duration <= 86_400 else {
      throw Failure("--duration must be above 0 and at most a day")
    }
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

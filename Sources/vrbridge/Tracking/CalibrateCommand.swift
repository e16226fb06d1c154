import ArgumentParser
import Bridge
import CLinux
import Devices
import Foundation
import Glibc
import Sensing
import Spatial
import Tracking

struct CalibrateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "calibrate",
    abstract: "Measure a device's gyroscope, accelerometer and magnetometer errors by hand.",
    discussion: """
      Lay the device down, or hold it against something firm, in twelve or more attitudes - on each side, then on \
      edges - for two seconds each, and turn it in between. No turntable is needed. DEVICE is a node, a serial \
      number or a family that is attached; a recording (FILE.hid or .hid.gz) of such a session; or emulated:FAMILY \
      to see how it goes. Stop the bridge first when it holds the device.
      """)

  @Argument(
    help: ArgumentHelp("A node, serial number or family; FILE.hid; emulated:FAMILY.", valueName: "device"))
  var device: String

  @Flag(help: "Show the result and keep the old calibration.")
  var dryRun = false

  @Option(help: "Seed of the emulated unit's errors.")
  var seed: UInt64 = 1

  @Option(help: "Folder of device descriptions.")
  var descriptions: String?

  func run() async throws {
    let catalog = try catalog(descriptions)
    let source = try open(catalog)
    let store = CalibrationStore.standard(
      descriptions: try catalogFolder(descriptions), environment: ProcessInfo.processInfo.environment)
    let family = source.match.description.family
    let (before, warning) = store.calibration(
      family: family, serial: source.serial, opened: source.opened.calibration)
    if let warning { Terminal.write("\(warning)\n") }
    for warning in source.opened.warnings { Terminal.write("\(warning)\n") }
    Terminal.write(
      "\(source.match.description.name) \(source.serial): calibration in force is '\(before.source.rawValue)'\n"
    )

    var session = CalibrationSession()
    try await read(source, into: &session)
    let fit: CalibrationFit
    do { fit = try CalibrationFit(session, before: before) } catch { throw Failure("\(error)") }
    report(fit, before: before)
    if dryRun { return Terminal.write("not kept (--dry-run)\n") }
    let version = ((try? store.unit(family: family, serial: source.serial))??.version ?? 0) + 1
    let quality = fit.quality
    let file = CalibrationFile(
      family: family, serial: source.serial, version: version,
      date: ISO8601DateFormatter().string(from: Date()), calibration: fit.calibration,
      residuals: CalibrationFile.Residuals(
        forceBefore: quality.forceBefore, forceAfter: quality.forceAfter,
        turnBefore: quality.turnBefore * 180 / .pi, turnAfter: quality.turnAfter * 180 / .pi,
        fieldBefore: quality.fieldBefore, fieldAfter: quality.fieldAfter, poses: quality.poses,
        temperatureSpan: quality.temperatureSpan))
    do {
      let path = try store.keep(file)
      Terminal.write("version \(version) kept in \(path); the bridge uses it when it next opens the device\n")
    } catch { throw Failure("\(error)") }
  }

  // MARK: where samples come from

  private struct Source {
    var match: DeviceCatalog.Match
    var transport: any Transport
    var opened: OpenedPart
    var serial: String
    /// Plays a recording or an emulated unit into the transport; nil for hardware.
    var play: (@Sendable () -> Void)?
    /// What an emulated unit is wrong by.
    var errors: InertialErrors?
  }

  private func open(_ catalog: DeviceCatalog) throws -> Source {
    do {
      if device.hasPrefix("emulated:") { return try openEmulated(catalog) }
      if device.hasSuffix(".hid") || device.hasSuffix(".hid.gz") { return try openRecording(catalog) }
    } catch let failure as Failure { throw failure } catch { throw Failure("\(error)") }
    let nodes = UdevMonitor()?.enumerate() ?? []
    for node in nodes {
      guard let match = catalog.match(node),
        match.part.hasInertialUnit,
        node.path == device || node.identity.serial == device || match.description.family == device
      else { continue }
      do {
        let transport = try HidrawTransport(path: node.path, identity: node.identity)
        return try source(match, transport)
      } catch { throw Failure("\(node.path): \(error); 'vrbridge doctor' tells what is missing") }
    }
    throw Failure(
      "no attached device with an inertial unit is '\(device)'; 'vrbridge devices' lists nodes, serial numbers and families"
    )
  }

  private func source(_ match: DeviceCatalog.Match, _ transport: any Transport) throws -> Source {
    let opened = try PartOpener.open(match, transport: transport)
    return Source(
      match: match, transport: transport, opened: opened,
      serial: opened.configuredSerial ?? transport.identity.serial)
  }

  private func openEmulated(_ catalog: DeviceCatalog) throws -> Source {
    let family = String(device.dropFirst("emulated:".count))
    guard let description = catalog.descriptions.first(where: { $0.family == family }) else {
      throw Failure("no family is called '\(family)'; 'vrbridge devices --known' lists them")
    }
    let errors = InertialErrors.uncalibrated(seed: seed)
    let motion = HeadMotion.calibrationTour()
    let emulated = try EmulatedDevice(
      description,
      options: EmulatedDevice.Options(motion: motion, errors: errors, serial: "EMULATED-\(seed)", seed: seed))
    let (reader, writer) = try emulated.connect()
    var source = try source(emulated.match, reader)
    source.errors = errors
    let count = Int(motion.tourSeconds * emulated.sampleRate)
    source.play = {
      guard var generator = try? emulated.generator() else { return writer.finish() }
      for _ in 0..<count {
        let step = generator.next()
        let time = Timestamp(nanoseconds: 1_000_000_000).advanced(bySeconds: step.time)
        guard step.reports.allSatisfy({ writer.send($0, at: time) }) else { break }
      }
      writer.finish()
    }
    return source
  }

  private func openRecording(_ catalog: DeviceCatalog) throws -> Source {
    let recording = try HIDRecording.read(path: device)
    for (index, interface) in recording.interfaces.enumerated() {
      guard let match = catalog.match(interface.identity, descriptor: interface.descriptor),
        match.part.hasInertialUnit
      else { continue }
      var single = recording
      single.interfaces = [interface]
      single.events = recording.events.filter { $0.interface == index }.map {
        var event = $0
        event.interface = 0
        return event
      }
      let player = try RecordedPlayer(recording: single, pace: .asFastAsPossible)
      var source = try source(match, player.transports[0])
      source.play = { _ = player.play(from: Timestamp(nanoseconds: 1_000_000_000)) }
      return source
    }
    throw Failure("\(device) holds no device with an inertial unit that a description fits")
  }

  // MARK: the session

  private func read(_ source: Source, into session: inout CalibrationSession) async throws {
    if let play = source.play {
      let thread = Thread { play() }
      thread.start()
    }
    defer { source.transport.close() }
    let interactive = Terminal.isInteractive
    let batch = SampleBatch()
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 8)
    defer { buffer.deallocate() }
    var clock = source.match.part.clock.map { DeviceClock(ticksPerSecond: $0.rate, bits: $0.bits) }
    var shown = -1.0
    var poses = 0
    var complete = false
    while !complete || source.play != nil {
      var waiting = pollfd(fd: source.transport.fileDescriptor, events: Int16(POLLIN), revents: 0)
      let ready = poll(&waiting, 1, 2000)
      guard ready != 0 else {
        throw Failure("the device sends nothing; is it awake, and does no bridge hold it?")
      }
      var received = Timestamp(nanoseconds: 0)
      switch source.transport.read(into: buffer, received: &received) {
      case .report(let length):
        batch.begin()
        _ = try? source.opened.decoder.decode(
          UnsafeRawBufferPointer(rebasing: buffer[0..<length]), received: received, into: batch)
      case .nothing: continue
      default:
        guard source.play != nil else { throw Failure("the device is gone") }
        return
      }
      for index in 0..<batch.inertialCount {
        let sample = batch.inertial(index)
        var time = sample.received
        if let ticks = sample.deviceTicks, clock != nil {
          // Devices repeat samples in their next report; those were counted.
          guard let mapped = clock?.map(ticks, received: sample.received) else { continue }
          time = mapped
        }
        session.add(sample, at: time)
      }
      let progress = session.progress(since: shown, every: 0.2)
      guard let progress else { continue }
      shown = progress.seconds
      complete = progress.isComplete
      if interactive {
        Terminal.write("\r\u{1b}[K" + Self.line(progress))
      } else if progress.distinctPoses != poses {
        Terminal.write(Self.line(progress) + "\n")
      }
      poses = progress.distinctPoses
    }
    if interactive { Terminal.write("\n") }
  }

  private static func line(_ progress: CalibrationSession.Progress) -> String {
    let count = "\(progress.distinctPoses) of \(CalibrationSession.wantedPoses) poses"
    if progress.isComplete { return count + ", all sides: enough" }
    let bar = String(repeating: "#", count: Int(progress.stillShare * 10))
    let now =
      progress.isStill
      ? "hold still [\(Terminal.pad(bar, 10))]" : "lay it another way and keep it still"
    let missing =
      progress.missing.isEmpty ? "" : "; not yet up: " + progress.missing.joined(separator: " ")
    return count + missing + "; " + now
  }

  private func report(_ fit: CalibrationFit, before: InertialCalibration) {
    let quality = fit.quality
    let degrees = 180 / Double.pi
    func line(_ name: String, _ old: Double, _ new: Double, _ unit: String) {
      Terminal.write(
        Terminal.pad(name, 34) + String(format: "%10.5f → %.5f ", old, new) + unit + "\n")
    }
    Terminal.write("residuals before → after, \(quality.poses) rests:\n")
    line("  resting force against gravity", quality.forceBefore, quality.forceAfter, "m/s²")
    line("  turn from rest to rest", quality.turnBefore * degrees, quality.turnAfter * degrees, "°")
    if let old = quality.fieldBefore, let new = quality.fieldAfter {
      line("  strength of the field", old * 100, new * 100, "%")
    }
    if quality.temperatureSpan > 3 {
      let slope = fit.calibration.gyroscopePerDegree * degrees
      Terminal.write(
        String(
          format: "  bias over %.1f °C: %.4f, %.4f, %.4f °/s per °C\n", quality.temperatureSpan, slope.x,
          slope.y,
          slope.z))
    }
    let bias =
      (fit.calibration.gyroscope.matrix.inverse.map { $0 * fit.calibration.gyroscope.offset } ?? .zero)
      * degrees
    Terminal.write(String(format: "  gyroscope bias %.3f, %.3f, %.3f °/s\n", bias.x, bias.y, bias.z))
  }
}

extension CalibrationSession {
  /// The progress, when so many seconds have gone by since it was last shown.
  func progress(since shown: Double, every seconds: Double) -> Progress? {
    elapsed - shown >= seconds ? progress : nil
  }
}

/// Where device descriptions are: the folder named, else what is configured.
func catalogFolder(_ folder: String?) throws -> String {
  if let folder { return folder }
  var settings = Configuration()
  try settings.apply(environment: ProcessInfo.processInfo.environment)
  return settings.descriptions.value
}

import DeviceEmulation
import Devices
import Diagnostics
import Foundation
import Glibc
import Sensing
import Spatial
import Tracking

/// A device, a recording or an emulated device that a user calibrates by hand.
public struct CalibrationSource {
  /// A source that cannot be opened or read.
  public struct SourceError: CodedError {
    public let code: String
    public let description: String

    init(_ code: String, _ description: String) {
      self.code = code
      self.description = description
    }
  }

  public let match: DeviceCatalog.Match
  public let opened: OpenedPart
  public let serial: String
  private let transport: any Transport
  /// Plays a recording or an emulated device into the transport; nil for hardware.
  private var play: (@Sendable () -> Void)?

  /// Opens a source.
  ///
  /// - Parameters:
  ///   - device: node, serial number or family of an attached device; FILE.hid or FILE.hid.gz; emulated:FAMILY.
  ///   - seed: of the errors of an emulated IMU.
  public static func open(_ device: String, catalog: DeviceCatalog, seed: UInt64) throws -> CalibrationSource
  {
    if device.hasPrefix("emulated:") {
      return try emulated(String(device.dropFirst("emulated:".count)), catalog: catalog, seed: seed)
    }
    if device.hasSuffix(".hid") || device.hasSuffix(".hid.gz") {
      return try recording(device, catalog: catalog)
    }
    for node in UdevMonitor()?.enumerate() ?? [] {
      guard let match = catalog.match(node), match.part.hasInertialUnit,
        node.path == device || node.identity.serial == device || match.description.family == device
      else { continue }
      do {
        return try CalibrationSource(match, HidrawTransport(path: node.path, identity: node.identity))
      } catch {
        throw SourceError(
          "device-unavailable", "\(node.path): \(error.reason); 'vrbridge doctor' lists what is missing")
      }
    }
    throw SourceError(
      "unknown-device",
      "no attached device with an IMU is '\(device)'; 'vrbridge devices' lists nodes, serial numbers and families"
    )
  }

  private init(_ match: DeviceCatalog.Match, _ transport: any Transport) throws {
    self.match = match
    self.transport = transport
    opened = try PartOpener.open(match, transport: transport)
    serial = opened.configuredSerial ?? transport.identity.serial
  }

  private static func emulated(
    _ family: String, catalog: DeviceCatalog, seed: UInt64
  ) throws -> CalibrationSource {
    guard let description = catalog.descriptions.first(where: { $0.family == family }) else {
      throw SourceError(
        "unknown-family", "no family is called '\(family)'; 'vrbridge devices --known' lists them")
    }
    let motion = HeadMotion.calibrationTour()
    let emulated = try EmulatedDevice(
      description,
      options: EmulatedDevice.Options(
        motion: motion, errors: .uncalibrated(seed: seed), serial: "EMULATED-\(seed)", seed: seed))
    let (reader, writer) = try emulated.connect()
    var source = try CalibrationSource(emulated.match, reader)
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

  private static func recording(_ path: String, catalog: DeviceCatalog) throws -> CalibrationSource {
    let recording = try HIDRecording.read(path: path)
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
      var source = try CalibrationSource(match, player.transports[0])
      source.play = { _ = player.play(from: Timestamp(nanoseconds: 1_000_000_000)) }
      return source
    }
    throw SourceError("no-imu", "\(path) holds no device with an IMU that a description matches")
  }

  /// Reads samples until the calibration is complete, or to the end of a recording or an emulated device.
  ///
  /// - Parameter onProgress: called five times per second of samples.
  public func read(
    into session: inout CalibrationSession, onProgress: (CalibrationSession.Progress) -> Void
  ) throws {
    if let play {
      let thread = Thread { play() }
      thread.start()
    }
    defer { transport.close() }
    let batch = SampleBatch()
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 8)
    defer { buffer.deallocate() }
    var clock = match.part.clock.map { DeviceClock(ticksPerSecond: $0.rate, bits: $0.bits) }
    var reported = -1.0
    var isComplete = false
    while !isComplete || play != nil {
      var waiting = pollfd(fd: transport.fileDescriptor, events: Int16(POLLIN), revents: 0)
      guard poll(&waiting, 1, 2000) != 0 else {
        throw SourceError(
          "device-silent", "the device sends no reports; wake it, and stop a bridge that has it open")
      }
      var received = Timestamp(nanoseconds: 0)
      switch transport.read(into: buffer, received: &received) {
      case .report(let length):
        batch.begin()
        _ = try? opened.decoder.decode(
          UnsafeRawBufferPointer(rebasing: buffer[0..<length]), received: received, into: batch)
      case .nothing: continue
      default:
        guard play != nil else { throw SourceError("device-lost", "the device was disconnected") }
        return
      }
      for index in 0..<batch.inertialCount {
        let sample = batch.inertial(index)
        var time = sample.received
        if let ticks = sample.deviceTicks, clock != nil {
          // Devices repeat samples in their next report; repeated ones were added already.
          guard let mapped = clock?.map(ticks, received: sample.received) else { continue }
          time = mapped
        }
        session.add(sample, at: time)
      }
      guard session.elapsed - reported >= 0.2 else { continue }
      let progress = session.progress
      reported = progress.seconds
      isComplete = progress.isComplete
      onProgress(progress)
    }
  }
}

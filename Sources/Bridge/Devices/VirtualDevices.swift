import CLinux
import Devices
import Foundation
import Glibc
import Logging
import Sensing
import Spatial

/// Recordings and emulated devices: each has a thread that plays into a packet socket.
///
/// `@unchecked Sendable`: used on the device manager's thread; the threads it starts hold constants only.
final class VirtualDevices: @unchecked Sendable {
  private unowned let manager: DeviceManager
  private let log: Logger
  private let stopEvent = linux_eventfd()
  private var players: [RecordedPlayer] = []
  private var threads: [WorkerThread] = []
  private var waiting: [@Sendable () -> Void] = []

  init(manager: DeviceManager, log: Logger) {
    self.manager = manager
    self.log = log
  }

  deinit { Glibc.close(stopEvent) }

  // MARK: recordings

  func play(_ text: String, catalog: DeviceCatalog) {
    let source: RecordedSource
    let recording: HIDRecording
    do {
      source = try RecordedSource(text)
      recording = try HIDRecording.read(path: source.file)
    } catch {
      log.error("\(error)")
      return
    }
    if recording.isTruncated {
      log.warning("\(source.file): the recording is cut off; what is there is played")
    }
    start(source, recording, catalog)
  }

  private func start(_ source: RecordedSource, _ recording: HIDRecording, _ catalog: DeviceCatalog) {
    var recording = recording
    var features: [any FeatureResponder] = []
    var matches: [DeviceCatalog.Match?] = []
    let hasSerial = source.serial == nil && recording.interfaces.contains { !$0.identity.serial.isEmpty }
    for index in recording.interfaces.indices {
      if let serial = source.serial { recording.interfaces[index].identity.serial = serial }
      // Without any serial number the file stands for the unit, so that two recordings are two devices. With one,
      // the recorded paths tell which interfaces belong together.
      if !hasSerial { recording.interfaces[index].identity.physicalPath = source.file }
      let interface = recording.interfaces[index]
      let match = catalog.match(interface.identity, descriptor: interface.descriptor)
      matches.append(match)
      features.append(
        Self.responder(interface, match, file: source.file, configuration: source.configuration, log: log))
    }
    guard matches.contains(where: { $0?.part.reports.isEmpty == false }) else {
      let names = recording.interfaces.map { "\($0.identity.vendorProduct) \($0.identity.name)" }
      log.error(
        "\(source.file): no description fits \(names.joined(separator: ", ")); 'vrbridge devices --known' lists families"
      )
      return
    }
    let player: RecordedPlayer
    do { player = try RecordedPlayer(recording: recording, pace: source.pace, features: features) } catch {
      log.error("\(error)")
      return
    }
    players.append(player)
    for (match, transport) in zip(matches, player.transports) {
      if let match, !match.part.reports.isEmpty {
        manager.attach(match, transport)
      } else {
        transport.close()
      }
    }
    // An interface that found no device would never be read, and its full socket would hold up the others.
    manager.closeWaitingVirtual()
    let begin: @Sendable () -> Void = { [self] in
      run("player") {
        var start = Timestamp(nanoseconds: linux_monotonic_ns())
        while player.play(from: start), source.loops {
          // At more than the recorded pace the stamps run ahead of the clock; they must not go back.
          let next = start.advanced(byNanoseconds: player.recording.duration + 100_000_000)
          start = max(next, Timestamp(nanoseconds: linux_monotonic_ns()))
        }
        player.finish()
      }
    }
    if source.waits { waiting.append(begin) } else { begin() }
  }

  /// What answers the feature reports of a recorded interface.
  ///
  /// - Parameter configuration: Lighthouse configuration to answer with; nil looks for one beside the recording.
  static func responder(
    _ interface: HIDRecording.Interface, _ match: DeviceCatalog.Match?, file: String, configuration: String?,
    log: Logger
  ) -> any FeatureResponder {
    let recorded = RecordedFeatures(interface.features)
    guard let match, match.part.driver != nil else { return recorded }
    let holdsOwn = interface.features.contains { $0.report.first == 0x11 }
    var found: (path: String, note: String)?
    if let path = configuration {
      found = (path, "")
    } else if !holdsOwn {
      found = configurationBeside(file, match)
    }
    guard let found else { return recorded }
    do {
      let blob = [UInt8](try Data(contentsOf: URL(fileURLWithPath: found.path)))
      let configuration = try LighthouseConfiguration(blob: blob)
      log.info("factory calibration of \(configuration.serial) from \(found.path)\(found.note)")
      return LighthouseFeatures(blob: try LighthouseFeatures.compressed(blob), others: recorded)
    } catch {
      log.error("\(found.path): \(error)")
      return recorded
    }
  }

  /// A recording made by other tools holds no feature reports; the configuration is then looked for beside it:
  /// `NAME.config.json|zlib`, else one of the same product in `config/` next to it or one folder up.
  private static func configurationBeside(
    _ file: String, _ match: DeviceCatalog.Match
  ) -> (path: String, note: String)? {
    let url = URL(fileURLWithPath: file)
    let folder = url.deletingLastPathComponent()
    let stem = url.lastPathComponent.split(separator: ".").first.map(String.init) ?? ""
    for suffix in ["config.zlib", "config.json"] {
      let path = folder.appendingPathComponent("\(stem).\(suffix)").path
      if FileManager.default.fileExists(atPath: path) { return (path, "") }
    }
    let products = Set(match.description.parts.flatMap(\.match).compactMap(\.product))
    for place in ["config", "../config"] {
      let config = folder.appendingPathComponent(place).standardizedFileURL
      let names = ((try? FileManager.default.contentsOfDirectory(atPath: config.path)) ?? []).filter {
        $0.hasSuffix(".config.zlib")
      }
      let fitting = names.sorted().filter { name in
        guard let data = try? Data(contentsOf: config.appendingPathComponent(name)),
          let configuration = try? LighthouseConfiguration(blob: [UInt8](data)),
          let product = configuration.product
        else { return false }
        return products.contains(product)
      }
      if let first = fitting.first {
        let note =
          fitting.count > 1
          ? "; \(fitting.count) units fit and the recording does not say which it is: choose with config=FILE"
          : ""
        return (config.appendingPathComponent(first).path, note)
      }
    }
    return nil
  }

  func startWaiting() {
    let list = waiting
    waiting = []
    for begin in list { begin() }
  }

  // MARK: emulated devices

  /// A headset and two controllers in motion.
  func startDemo(catalog: DeviceCatalog) {
    log.notice("demonstration: the headset and controllers are emulated, not real")
    emulate(catalog, "htc-vive", "imu", .lookingAround(), serial: "DEMO-HEAD", seed: 11)
    emulate(
      catalog, "htc-vive-wand", "radio", .gesturing(seed: 5, right: true), serial: "DEMO-RIGHT", seed: 12)
    emulate(
      catalog, "htc-vive-wand", "radio", .gesturing(seed: 9, right: false), serial: "DEMO-LEFT", seed: 13)
  }

  private func emulate(
    _ catalog: DeviceCatalog, _ family: String, _ part: String, _ motion: HeadMotion, serial: String,
    seed: UInt64
  ) {
    guard let description = catalog.description(family: family) else {
      log.error("the demonstration needs the description of '\(family)', which is not there")
      return
    }
    do {
      let device = try EmulatedDevice(
        description,
        options: EmulatedDevice.Options(
          part: part, motion: motion, errors: .consumer(seed: seed), serial: serial, seed: seed))
      let (reader, writer) = try device.connect()
      manager.attach(device.match, reader)
      let stop = stopEvent
      let log = log
      run("emulated") {
        do {
          try device.run(into: writer, from: Timestamp(nanoseconds: linux_monotonic_ns()), until: stop)
        } catch {
          log.error("\(error)")
        }
      }
    } catch {
      log.error("\(error)")
    }
  }

  // MARK: threads

  private func run(_ name: String, _ body: @escaping @Sendable () -> Void) {
    threads.append(WorkerThread(name: name, body))
  }

  /// Ends all players and waits for their threads.
  func stop() {
    linux_eventfd_signal(stopEvent)
    for player in players { player.stop() }
    for thread in threads { thread.join() }
  }
}

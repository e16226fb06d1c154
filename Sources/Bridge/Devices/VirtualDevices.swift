import CLinux
import DeviceEmulation
import Devices
import Diagnostics
import Foundation
import Glibc
import Logging
import Sensing
import Spatial
import TrackingPipeline

/// Recordings and emulated devices: each has a thread that writes reports into a packet socket.
///
/// Belongs to the device manager's thread.
final class VirtualDevices {
  private let attachments: InterfaceAttachments
  private let settings: CurrentDeviceSettings
  private let log: Logger
  private let stopEvent = linux_eventfd()
  private var players: [RecordedPlayer] = []
  private var threads: [WorkerThread] = []
  /// Starts of recordings that wait for a client.
  private var waiting: [() -> Void] = []

  init(attachments: InterfaceAttachments, settings: CurrentDeviceSettings, log: Logger) {
    self.attachments = attachments
    self.settings = settings
    self.log = log
  }

  deinit { Glibc.close(stopEvent) }

  // MARK: recordings

  /// Plays a recording as a device.
  ///
  /// - Parameter text: as in the configuration: `FILE[,speed=N|max]…`.
  func play(_ text: String) {
    let source: RecordedSource
    let recording: HIDRecording
    do {
      source = try RecordedSource(text)
      recording = try HIDRecording.read(path: source.file)
    } catch {
      log.error("\(error.printed)")
      return
    }
    if recording.isTruncated {
      log.warning("\(source.file): the recording is truncated; its complete reports are played")
    }
    if let problem = recording.timeProblem { log.warning("\(source.file): \(problem)") }
    start(source, recording)
  }

  private func start(_ source: RecordedSource, _ recording: HIDRecording) {
    var recording = recording
    var features: [any FeatureResponder] = []
    var matches: [DeviceCatalog.Match?] = []
    let hasSerial = source.serial == nil && recording.interfaces.contains { !$0.identity.serial.isEmpty }
    for index in recording.interfaces.indices {
      if let serial = source.serial { recording.interfaces[index].identity.serial = serial }
      // Without any serial number the file identifies the unit, so that two recordings are two devices. With one, the
      // recorded paths join the interfaces.
      if !hasSerial { recording.interfaces[index].identity.physicalPath = source.file }
      let interface = recording.interfaces[index]
      let match = settings.catalog.match(interface.identity, descriptor: interface.descriptor)
      matches.append(match)
      let responder = RecordedResponder(
        interface, match, file: source.file, configuration: source.configuration)
      if let note = responder.note { log.info("\(note)") }
      if let problem = responder.problem { log.error("\(problem)") }
      features.append(responder.features)
    }
    guard matches.contains(where: { $0?.part.reports.isEmpty == false }) else {
      let names = recording.interfaces.map { "\($0.identity.vendorProduct) \($0.identity.name)" }
      log.error(
        "\(source.file): no description matches \(names.joined(separator: ", ")); 'vrbridge devices --known' lists families"
      )
      return
    }
    let player: RecordedPlayer
    do { player = try RecordedPlayer(recording: recording, pace: source.pace, features: features) } catch {
      log.error("\(error.printed)")
      return
    }
    players.append(player)
    for (match, transport) in zip(matches, player.transports) {
      if let match, !match.part.reports.isEmpty {
        // Interfaces of one device share its port.
        let port = DeviceKey(transport.identity, match.description).port
        attachments.attach(match, transport, unit: UnitKey("recording-\(players.count) \(port)"))
      } else {
        transport.close()
      }
    }
    // An interface without a device would never be read, and its full socket would block the others.
    attachments.closeWaitingVirtual()
    let begin = { [self] in
      run("player") {
        var start = Timestamp(nanoseconds: linux_monotonic_ns())
        while player.play(from: start), source.loops {
          // At more than the recorded pace the timestamps run ahead of the clock; they must not go back.
          let next = start.advanced(byNanoseconds: player.recording.duration + 100_000_000)
          start = max(next, Timestamp(nanoseconds: linux_monotonic_ns()))
        }
        player.finish()
      }
    }
    if source.waits { waiting.append(begin) } else { begin() }
  }

  /// Starts recordings that wait for a client.
  func startWaiting() {
    let list = waiting
    waiting = []
    for begin in list { begin() }
  }

  // MARK: emulated devices

  /// A headset and two controllers in motion.
  func startDemo() {
    log.notice("demonstration: the headset and controllers are emulated, not real")
    emulate("htc-vive", "imu", .lookingAround(), serial: "DEMO-HEAD", seed: 11)
    emulate(
      "htc-vive-wand", "radio", .gesturing(seed: 5, right: true), serial: "DEMO-RIGHT", seed: 12)
    emulate(
      "htc-vive-wand", "radio", .gesturing(seed: 9, right: false), serial: "DEMO-LEFT", seed: 13)
  }

  private func emulate(
    _ family: String, _ part: String, _ motion: HeadMotion, serial: String,
    seed: UInt64
  ) {
    guard let description = settings.catalog.description(family: family) else {
      log.error("the demonstration needs the description of '\(family)', which the catalogue does not hold")
      return
    }
    do {
      let device = try EmulatedDevice(
        description,
        options: EmulatedDevice.Options(
          part: part, motion: motion, errors: .consumer(seed: seed), serial: serial, seed: seed))
      let (reader, writer) = try device.connect()
      attachments.attach(device.match, reader)
      let stop = stopEvent
      let log = log
      run("emulated") {
        do {
          try device.run(into: writer, from: Timestamp(nanoseconds: linux_monotonic_ns()), until: stop)
        } catch {
          log.error("\(error.printed)")
        }
      }
    } catch {
      log.error("\(error.printed)")
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

import Devices
import CLinux
import Foundation
import Glibc
import Logging
import Microphones
import Sensing
import Spatial
import Synchronization
import TrackingPipeline

/// Reads the configured microphones, each on a thread of its own, and passes their sound to the recording and to speech.
///
/// A microphone that is missing, in use or unplugged is opened again each second.
///
/// `@unchecked Sendable`: threads are started and joined by the thread that runs the service; the rest is synchronised.
final class MicrophoneService: @unchecked Sendable {
  private let names: [String]
  private let log: Logger
  private let headsetPorts: @Sendable () -> [String]
  private let isOpen: @Sendable (String, Bool) -> Void
  private let record: @Sendable (AudioBlock) -> Void
  private let feed: @Sendable (AudioBlock) -> Void
  private let stopEvent = linux_eventfd()
  private let counts = Mutex<[String: (samples: UInt64, lost: UInt64)]>([:])

  /// - Parameters:
  ///   - headsetPorts: returns the USB ports of the headsets, to which their microphones belong.
  ///   - isOpen: called with the name of a microphone that was opened or closed.
  ///   - record: receives each block before `feed`, on the same thread.
  ///   - feed: receives each block on the thread that reads the microphone, in order.
  init(
    names: [String], log: Logger, headsetPorts: @escaping @Sendable () -> [String],
    isOpen: @escaping @Sendable (String, Bool) -> Void,
    record: @escaping @Sendable (AudioBlock) -> Void, feed: @escaping @Sendable (AudioBlock) -> Void
  ) {
    self.names = names
    self.record = record
    self.log = log
    self.headsetPorts = headsetPorts
    self.isOpen = isOpen
    self.feed = feed
  }

  deinit { Glibc.close(stopEvent) }

  /// Received and missing samples of each microphone.
  var metrics: [String: (samples: UInt64, lost: UInt64)] { counts.withLock { $0 } }

  func stop() { linux_eventfd_signal(stopEvent) }

  func run() {
    let threads = names.map { name in WorkerThread(name: "microphone") { [self] in read(name) } }
    if threads.isEmpty { _ = isStopped(within: -1) }
    for thread in threads { thread.join() }
  }

  private func isStopped(within milliseconds: Int32) -> Bool {
    var descriptor = pollfd(fd: stopEvent, events: Int16(POLLIN), revents: 0)
    while true {
      let count = poll(&descriptor, 1, milliseconds)
      if count < 0, errno == EINTR { continue }
      return count > 0
    }
  }

  private func deliver(_ block: AudioBlock) {
    counts.withLock { counts in
      counts[block.microphone, default: (0, 0)].samples += UInt64(block.samples.count)
      counts[block.microphone, default: (0, 0)].lost += UInt64(max(0, block.lost))
    }
    record(block)
    feed(block)
  }

  private func read(_ name: String) {
    if name.hasPrefix("file:") { return play(file: String(name.dropFirst(5)), every: nil) }
    if name == "demo" { return play(file: Configuration.demoQuestion, every: 20) }
    var problem = ""
    while !isStopped(within: 0) {
      do throws(MicrophoneError) {
        let audio = try SDLAudio()
        let microphone = try SDLMicrophone(name: try choose(name, audio), audio)
        problem = ""
        log.notice("microphone '\(microphone.name)' is open")
        isOpen(microphone.name, true)
        defer { isOpen(microphone.name, false) }
        while !isStopped(within: 0) {
          guard let block = try microphone.read() else { continue }
          if block.lost > 0 {
            log.warning("\(block.lost) samples of microphone '\(microphone.name)' are missing")
          }
          deliver(block)
        }
        return
      } catch {
        // The same problem is logged once, not each second.
        if error.description != problem { log.warning("\(error.description)") }
        problem = error.description
      }
      if isStopped(within: 1000) { return }
    }
  }

  /// Returns the name of the microphone that a setting selects; nil where devices have no names.
  private func choose(_ name: String, _ audio: SDLAudio) throws(MicrophoneError) -> String? {
    let known = AttachedMicrophone.all(audio)
    if name == "auto" {
      let ports = headsetPorts()
      return known.first { microphone in ports.contains { microphone.belongs(to: $0) } }?.name
        ?? AttachedMicrophone.standard(audio)
    }
    if let found = known.first(where: { $0.name == name }) ?? known.first(where: { $0.name.contains(name) }) {
      return found.name
    }
    // The device of SDL's disk driver has no name.
    if known.isEmpty { return nil }
    let names = known.map { "'\($0.name)'" }.joined(separator: ", ")
    throw MicrophoneError("no microphone matches '\(name)'; available: \(names)")
  }

  /// Plays a sound file as a microphone in real time, followed by silence.
  ///
  /// - Parameter period: seconds after which the file starts again; nil for once.
  private func play(file: String, every period: Double?) {
    let samples: [Int16]
    do throws(MicrophoneError) { samples = try SoundFile.read(file) } catch {
      return log.error("\(error.description)")
    }
    let name = URL(fileURLWithPath: file).lastPathComponent
    log.notice("sound file \(file) is played as a microphone")
    isOpen(name, true)
    defer { isOpen(name, false) }
    let begun = linux_monotonic_ns()
    let size = 512
    var position = 0
    while true {
      let due = begun + Int64(Double(position + size) / Double(AudioBlock.rate) * 1e9)
      let wait = (due - linux_monotonic_ns()) / 1_000_000
      if isStopped(within: Int32(clamping: max(0, wait))) { return }
      let captured = begun + Int64(Double(position) / Double(AudioBlock.rate) * 1e9)
      let index = period.map { position % Int($0 * Double(AudioBlock.rate)) } ?? position
      var block = index < samples.count ? Array(samples[index..<min(index + size, samples.count)]) : []
      block += [Int16](repeating: 0, count: size - block.count)
      position += size
      deliver(
        AudioBlock(
          microphone: name, samples: block, captured: Timestamp(nanoseconds: captured),
          received: Timestamp(nanoseconds: linux_monotonic_ns())))
    }
  }
}

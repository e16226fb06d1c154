import CLinux
import Foundation
import Glibc
import Logging
import Microphones
import Sensing
import SessionLog
import Spatial
import Synchronization

/// Reads the configured microphones, each on a thread of its own, and hands what they hear to whoever listens and to
/// the recording that asks for it.
///
/// A microphone that is not there, is taken or is unplugged is tried again each second.
///
/// `@unchecked Sendable`: threads are started and joined by the one that runs the service; the rest is synchronised.
final class MicrophoneService: @unchecked Sendable {
  private let names: [String]
  private let recording: RecordingControl
  private let log: Logger
  private let places: @Sendable () -> [String]
  private let isListening: @Sendable (String, Bool) -> Void
  private let hear: @Sendable (AudioBlock) -> Void
  private let stopEvent = linux_eventfd()
  private let counts = Mutex<[String: (samples: UInt64, lost: UInt64)]>([:])

  /// - Parameters:
  ///   - places: of the headsets, to tell their microphones.
  ///   - isListening: is told when a microphone is opened or gone, by its name.
  ///   - hear: is given sound on the thread that reads it; each microphone's in order.
  init(
    names: [String], recording: RecordingControl, log: Logger, places: @escaping @Sendable () -> [String],
    isListening: @escaping @Sendable (String, Bool) -> Void, hear: @escaping @Sendable (AudioBlock) -> Void
  ) {
    self.names = names
    self.recording = recording
    self.log = log
    self.places = places
    self.isListening = isListening
    self.hear = hear
  }

  deinit { Glibc.close(stopEvent) }

  /// Samples that came and that are missing, of each microphone.
  var figures: [String: (samples: UInt64, lost: UInt64)] { counts.withLock { $0 } }

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

  /// Sound of a session that is played goes where a microphone's would.
  func play(_ block: AudioBlock) { deliver(block) }

  private func deliver(_ block: AudioBlock) {
    counts.withLock { counts in
      counts[block.microphone, default: (0, 0)].samples += UInt64(block.samples.count)
      counts[block.microphone, default: (0, 0)].lost += UInt64(max(0, block.lost))
    }
    if recording.records(.microphone) {
      recording.submit(
        .audio(
          block.samples.withUnsafeBytes { Data($0) }, sampleRate: UInt32(AudioBlock.rate), channels: 1,
          microphone: block.microphone, captured: block.captured, received: block.received))
      if block.lost > 0 {
        recording.submit(
          .log(
            "\(block.lost) samples of the microphone \(block.microphone) are missing", level: .warning,
            name: "microphones", at: block.received))
      }
    }
    hear(block)
  }

  private func read(_ name: String) {
    if name.hasPrefix("file:") { return play(file: String(name.dropFirst(5)), every: nil) }
    if name == "demo" { return play(file: Configuration.demoQuestion, every: 20) }
    var problem = ""
    while !isStopped(within: 0) {
      do throws(MicrophoneFault) {
        let audio = try SDLAudio()
        let microphone = try SDLMicrophone(name: try choose(name, audio), audio)
        problem = ""
        log.notice("listening to the microphone '\(microphone.name)'")
        isListening(microphone.name, true)
        defer { isListening(microphone.name, false) }
        while !isStopped(within: 0) {
          guard let block = try microphone.read() else { continue }
          if block.lost > 0 {
            log.warning("\(block.lost) samples of the microphone '\(microphone.name)' are missing")
          }
          deliver(block)
        }
        return
      } catch {
        // Once, not each second.
        if error.description != problem { log.warning("\(error.description)") }
        problem = error.description
      }
      if isStopped(within: 1000) { return }
    }
  }

  /// - Returns: nil where devices have no names.
  private func choose(_ name: String, _ audio: SDLAudio) throws(MicrophoneFault) -> String? {
    let known = AttachedMicrophone.all(audio)
    if name == "auto" {
      let places = places()
      return known.first { microphone in places.contains { microphone.belongs(to: $0) } }?.name
        ?? AttachedMicrophone.standard(audio)
    }
    if let found = known.first(where: { $0.name == name }) ?? known.first(where: { $0.name.contains(name) }) {
      return found.name
    }
    // The device of SDL's disk driver has no name of its own.
    if known.isEmpty { return nil }
    let names = known.map { "'\($0.name)'" }.joined(separator: ", ")
    throw MicrophoneFault("there is no microphone '\(name)'; there is: \(names)")
  }

  /// A sound file in the place of a microphone, as fast as it was recorded, then silence.
  ///
  /// - Parameter period: seconds after which it begins again; nil for once.
  private func play(file: String, every period: Double?) {
    let samples: [Int16]
    do throws(MicrophoneFault) { samples = try SoundFile.read(file) } catch {
      return log.error("\(error.description)")
    }
    let name = URL(fileURLWithPath: file).lastPathComponent
    log.notice("listening to the sound file \(file)")
    isListening(name, true)
    defer { isListening(name, false) }
    let begun = linux_monotonic_ns()
    let size = 512
    var position = 0
    while true {
      let due = begun + Int64(Double(position + size) / Double(AudioBlock.rate) * 1e9)
      let wait = (due - linux_monotonic_ns()) / 1_000_000
      if isStopped(within: Int32(clamping: max(0, wait))) { return }
      let captured = begun + Int64(Double(position) / Double(AudioBlock.rate) * 1e9)
      let place = period.map { position % Int($0 * Double(AudioBlock.rate)) } ?? position
      var block = place < samples.count ? Array(samples[place..<min(place + size, samples.count)]) : []
      block += [Int16](repeating: 0, count: size - block.count)
      position += size
      deliver(
        AudioBlock(
          microphone: name, samples: block, captured: Timestamp(nanoseconds: captured),
          received: Timestamp(nanoseconds: linux_monotonic_ns())))
    }
  }
}

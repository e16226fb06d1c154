import CLinux
import Glibc
import Spatial

/// Plays a recording through packet sockets: its interfaces look like hidraw nodes to the reader.
public final class RecordedPlayer: Sendable {
  public enum Pace: Sendable, Equatable {
    /// 1 is the recorded pace, 2 twice as fast.
    case times(Double)
    case asFastAsPossible
  }

  public let recording: HIDRecording
  private let pace: Pace
  private let stopEvent: Int32
  private let writers: [ReportPipe]
  /// The reading ends; each belongs to who opens it.
  public let transports: [PipeTransport]

  /// - Parameter features: answers of a device whose feature reports the recording does not hold.
  public init(
    recording: HIDRecording, pace: Pace, features: [any FeatureResponder] = []
  ) throws(TransportError) {
    self.recording = recording
    self.pace = pace
    var readers: [PipeTransport] = []
    var writers: [ReportPipe] = []
    for (index, interface) in recording.interfaces.enumerated() {
      let responder: any FeatureResponder =
        index < features.count ? features[index] : RecordedFeatures(interface.features)
      let pipe = try ReportPipe.make(
        identity: interface.identity, descriptor: interface.descriptor, responder: responder)
      readers.append(pipe.reader)
      writers.append(pipe.writer)
    }
    transports = readers
    self.writers = writers
    stopEvent = linux_eventfd()
  }

  deinit { Glibc.close(stopEvent) }

  /// Sends every report; returns early when the readers are gone or `stop` was called.
  ///
  /// Reports are stamped `start` plus their recorded offset at any pace, so the same recording gives the same
  /// intervals however fast it is played.
  ///
  /// - Returns: whether every report was sent.
  public func play(from start: Timestamp) -> Bool {
    let timer = linux_timerfd()
    defer { Glibc.close(timer) }
    let origin = recording.events.first?.offset ?? 0
    for event in recording.events {
      let offset = max(0, event.offset - origin)
      if case .times(let speed) = pace {
        let due = start.advanced(bySeconds: Double(offset) * 1e-9 / speed)
        guard wait(until: due, timer: timer) else { return false }
      }
      let sent = writers[event.interface].send(
        recording.bytes[event.range], at: start.advanced(byNanoseconds: offset))
      // A part that nothing decodes has no reader; the others go on.
      if !sent, writers.count == 1 { return false }
    }
    return true
  }

  /// Lets the readers see the end.
  public func finish() { for writer in writers { writer.finish() } }

  /// Makes `play` return soon; from any thread.
  public func stop() { linux_eventfd_signal(stopEvent) }

  private func wait(until due: Timestamp, timer: Int32) -> Bool {
    guard linux_monotonic_ns() < due.nanoseconds else { return true }
    linux_timerfd_set_at(timer, due.nanoseconds)
    var descriptors = [
      pollfd(fd: timer, events: Int16(POLLIN), revents: 0),
      pollfd(fd: stopEvent, events: Int16(POLLIN), revents: 0),
    ]
    while true {
      let count = poll(&descriptors, 2, -1)
      if count < 0, errno == EINTR { continue }
      return count > 0 && descriptors[1].revents == 0
    }
  }
}

import Compression
import CLinux
import Glibc
import Sensing
import Spatial
import Synchronization

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

/// Answers as the device did when it was recorded: the feature reports of each id in their order, the last one for
/// ever after, and the input reports that answered commands.
public final class RecordedFeatures: FeatureResponder {
  private struct State {
    var replies: [UInt8: [[UInt8]]] = [:]
    var position: [UInt8: Int] = [:]
    /// Output and input reports, the newest first.
    var commands: [HIDRecording.FeatureExchange] = []
  }
  private let state: Mutex<State>

  public init(_ exchanges: [HIDRecording.FeatureExchange]) {
    var replies: [UInt8: [[UInt8]]] = [:]
    for exchange in exchanges where exchange.direction == .get {
      if let id = exchange.report.first { replies[id, default: []].append(exchange.report) }
    }
    let commands = exchanges.filter { $0.direction == .input || $0.direction == .output }
    state = Mutex(State(replies: replies, commands: commands.reversed()))
  }

  public func getFeature(id: UInt8, length: Int) -> [UInt8]? {
    state.withLock { state in
      guard let list = state.replies[id], !list.isEmpty else { return nil }
      let position = min(state.position[id] ?? 0, list.count - 1)
      state.position[id] = position + 1
      return list[position]
    }
  }

  public func setFeature(_ report: [UInt8]) -> Bool { true }

  /// What came after this report comes next; one that was not written then has no answer.
  public func output(_ report: [UInt8]) {
    state.withLock { state in
      let place = state.commands.lastIndex { $0.direction == .output && $0.report == report }
      if let place { state.commands.removeSubrange(place...) }
    }
  }

  public func nextInput() -> [UInt8]? {
    state.withLock { state in
      state.commands.last?.direction == .input ? state.commands.popLast()?.report : nil
    }
  }
}

/// For who asks without a transport between.
final class AnsweredFeatureAccess: FeatureAccess {
  private let responder: any FeatureResponder

  init(_ responder: any FeatureResponder) { self.responder = responder }

  func getFeature(id: UInt8, length: Int) throws(TransportError) -> [UInt8] {
    guard let reply = responder.getFeature(id: id, length: length) else {
      throw TransportError("get feature 0x\(String(id, radix: 16)) of a recorded device", code: ENODATA)
    }
    return Array(reply.prefix(length))
  }

  func setFeature(_ report: [UInt8]) throws(TransportError) {
    guard responder.setFeature(report) else { throw TransportError("set feature", code: EIO) }
  }

  func writeOutput(_ report: [UInt8]) throws(TransportError) { responder.output(report) }

  func nextInput(within milliseconds: Int) throws(TransportError) -> [UInt8]? { responder.nextInput() }
}

/// Answers as a Lighthouse device with the given configuration blob does.
public final class LighthouseFeatures: FeatureResponder {
  private let blob: [UInt8]
  private let others: any FeatureResponder
  private let position = Mutex(0)

  /// A blob as devices store it: JSON text is compressed first.
  public static func compressed(_ blob: [UInt8]) throws -> [UInt8] {
    guard blob.first == UInt8(ascii: "{") else { return blob }
    return try deflateZlib(blob)
  }

  public init(blob: [UInt8], others: any FeatureResponder) {
    self.blob = blob
    self.others = others
  }

  public func getFeature(id: UInt8, length: Int) -> [UInt8]? {
    switch id {
    case 0x10:
      position.withLock { $0 = 0 }
      return padded([0x10, UInt8(blob.count >> 8 & 0xff), UInt8(blob.count & 0xff)])
    case 0x11:
      return position.withLock { position in
        let chunk = blob[position..<min(position + 62, blob.count)]
        position += chunk.count
        return padded([0x11, UInt8(chunk.count)] + chunk)
      }
    default: return others.getFeature(id: id, length: length)
    }
  }

  public func setFeature(_ report: [UInt8]) -> Bool { others.setFeature(report) }
  public func output(_ report: [UInt8]) { others.output(report) }

  /// The device answers 64 bytes whatever the report's declared length.
  private func padded(_ bytes: [UInt8]) -> [UInt8] {
    bytes + [UInt8](repeating: 0, count: max(0, 64 - bytes.count))
  }
}

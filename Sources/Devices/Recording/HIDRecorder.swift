import CLinux
import Glibc
import Sensing
import Spatial

/// Records attached devices: opens them as the bridge would, writes what their features answer, then every
/// report.
///
/// `@unchecked Sendable`: built by one thread and then used by the one that runs it.
public final class HIDRecorder: @unchecked Sendable {
  private let transports: [any Transport]
  private let keepAlives: [KeepAlive?]
  private let writer: HIDRecordingWriter
  private let stopEvent = linux_eventfd()

  public init(nodes: [DeviceNode], catalog: DeviceCatalog, out: String) throws {
    transports = try nodes.map { node in
      guard let part = catalog.match(node)?.part else {
        return try HidrawTransport(path: node.path, identity: node.identity)
      }
      return try node.open(for: part)
    }
    writer = try HIDRecordingWriter(path: out)
    try writer.begin(transports.map { ($0.identity, $0.descriptor?.bytes ?? []) })
    var keepAlives: [KeepAlive?] = []
    for (index, transport) in transports.enumerated() {
      let match = catalog.match(transport.identity, descriptor: transport.descriptor)
      keepAlives.append(match?.part.keepAlive)
      guard let match else { continue }
      let opened = try PartOpener.open(match, transport: transport)
      for exchange in opened.exchanges { try writer.feature(exchange, interface: index) }
    }
    self.keepAlives = keepAlives
  }

  deinit {
    for transport in transports { transport.close() }
    Glibc.close(stopEvent)
  }

  /// Ends `record`; from any thread.
  public func stop() { linux_eventfd_signal(stopEvent) }

  /// Records until `stop`, the end of `seconds`, or the loss of every device.
  ///
  /// - Returns: reports written.
  public func record(seconds: Double?) throws -> Int {
    let begin = linux_monotonic_ns()
    let deadline = seconds.map { begin + Int64(min(max($0, 0), 1e9) * 1e9) }
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 16_384, alignment: 16)
    defer { buffer.deallocate() }
    var isOpen = transports.map { _ in true }
    var nextKeepAlive = keepAlives.map { $0.map { begin + Int64($0.seconds * 1e9) } }
    var count = 0
    while isOpen.contains(true) {
      let now = linux_monotonic_ns()
      if let deadline, now >= deadline { break }
      for index in transports.indices where isOpen[index] {
        guard let due = nextKeepAlive[index], due <= now, let keepAlive = keepAlives[index] else { continue }
        try? transports[index].setFeature(keepAlive.report)
        nextKeepAlive[index] = now + Int64(keepAlive.seconds * 1e9)
      }
      let wake = ([deadline] + nextKeepAlive).compactMap { $0 }.min()
      let timeout = wake.map { Int32(clamping: max(0, ($0 - now) / 1_000_000 + 1)) } ?? -1
      var descriptors = transports.indices.map {
        pollfd(fd: isOpen[$0] ? transports[$0].fileDescriptor : -1, events: Int16(POLLIN), revents: 0)
      }
      descriptors.append(pollfd(fd: stopEvent, events: Int16(POLLIN), revents: 0))
      guard poll(&descriptors, nfds_t(descriptors.count), timeout) >= 0 || errno == EINTR else { break }
      if descriptors.last?.revents != 0 { break }
      for index in transports.indices where descriptors[index].revents != 0 {
        var received = Timestamp(nanoseconds: 0)
        switch transports[index].read(into: buffer, received: &received) {
        case .report(let length):
          try writer.report(buffer[0..<length], interface: index, at: received)
          count += 1
        case .nothing: break
        case .ended: isOpen[index] = false
        }
      }
    }
    try writer.finish()
    return count
  }
}

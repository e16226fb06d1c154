import CLinux
import Glibc
import Sensing
import Spatial

/// A `/dev/hidrawN` node.
///
/// `@unchecked Sendable`: the state is a file descriptor that is closed once, guarded by who owns the
/// transport; the kernel serialises reads and ioctls.
public final class HidrawTransport: Transport, @unchecked Sendable {
  public let identity: InterfaceIdentity
  public let descriptor: HIDReportDescriptor?
  public let fileDescriptor: Int32
  public let path: String
  private let isNumbered: Bool

  public init(path: String, identity: InterfaceIdentity) throws(TransportError) {
    let fd = Glibc.open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC)
    guard fd >= 0 else { throw TransportError("open \(path)", code: errno) }
    self.path = path
    self.identity = identity
    fileDescriptor = fd
    descriptor = Self.readDescriptor(fd)
    isNumbered = descriptor.map { $0.reportIDs(.input) != [0] } ?? true
  }

  static func readDescriptor(_ fd: Int32) -> HIDReportDescriptor? {
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = linux_hidraw_descriptor(fd, &bytes, bytes.count)
    return count > 0 ? try? HIDReportDescriptor(Array(bytes.prefix(Int(count)))) : nil
  }

  public var stampsWhenRead: Bool { true }

  public func read(into buffer: UnsafeMutableRawBufferPointer, received: inout Timestamp) -> ReadResult {
    let count = Glibc.read(fileDescriptor, buffer.baseAddress, buffer.count)
    received = Timestamp(nanoseconds: linux_monotonic_ns())
    if count > 0 { return .report(count) }
    if count == 0 { return .ended(0) }
    return errno == EAGAIN || errno == EINTR ? .nothing : .ended(errno)
  }

  public func getFeature(id: UInt8, length: Int) throws(TransportError) -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: max(1, length))
    buffer[0] = id
    let count = linux_hidraw_get_feature(fileDescriptor, &buffer, buffer.count)
    guard count >= 0 else {
      throw TransportError("get feature 0x\(String(id, radix: 16)) of \(path)", code: -count)
    }
    return Array(buffer.prefix(Int(count)))
  }

  public func setFeature(_ report: [UInt8]) throws(TransportError) {
    let count = linux_hidraw_set_feature(fileDescriptor, report, report.count)
    guard count >= 0 else {
      throw TransportError("set feature 0x\(String(report.first ?? 0, radix: 16)) of \(path)", code: -count)
    }
  }

  public func writeOutput(_ report: [UInt8]) throws(TransportError) {
    guard Glibc.write(fileDescriptor, report, report.count) == report.count else {
      throw TransportError("write to \(path)", code: errno)
    }
  }

  public func nextInput(within milliseconds: Int) throws(TransportError) -> [UInt8]? {
    var waiting = pollfd(fd: fileDescriptor, events: Int16(POLLIN), revents: 0)
    guard poll(&waiting, 1, Int32(clamping: milliseconds)) > 0 else { return nil }
    var bytes = [UInt8](repeating: 0, count: DescriptionParser.longestReport)
    let count = Glibc.read(fileDescriptor, &bytes, bytes.count)
    if count > 0 { return Array(bytes.prefix(count)) }
    if count < 0, errno == EAGAIN || errno == EINTR { return nil }
    throw TransportError("read \(path)", code: count == 0 ? ENODEV : errno)
  }

  public func close() { Glibc.close(fileDescriptor) }
}

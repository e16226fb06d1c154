import CLinux
import Glibc
import Sensing
import Spatial

/// A `/dev/hidrawN` node. One thread reads and closes it; any may exchange feature reports and write meanwhile.
public final class HidrawTransport: Transport {
  public let identity: InterfaceIdentity
  public let descriptor: HIDReportDescriptor?
  public let fileDescriptor: Int32
  public let path: String
  private let isNumbered: Bool
  private let guarded: GuardedDescriptor

  public init(path: String, identity: InterfaceIdentity) throws(TransportError) {
    let fd = Glibc.open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC)
    guard fd >= 0 else { throw TransportError("open \(path)", code: errno) }
    self.path = path
    self.identity = identity
    fileDescriptor = fd
    guarded = GuardedDescriptor(fd)
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
    let count = guarded.using { linux_hidraw_get_feature($0, &buffer, buffer.count) } ?? -ENODEV
    guard count >= 0 else {
      throw TransportError("get feature 0x\(String(id, radix: 16)) of \(path)", code: -count)
    }
    return Array(buffer.prefix(Int(count)))
  }

  public func setFeature(_ report: [UInt8]) throws(TransportError) {
    let count = guarded.using { linux_hidraw_set_feature($0, report, report.count) } ?? -ENODEV
    guard count >= 0 else {
      throw TransportError("set feature 0x\(String(report.first ?? 0, radix: 16)) of \(path)", code: -count)
    }
  }

  public func writeOutput(_ report: [UInt8]) throws(TransportError) {
    let failure =
      guarded.using { Glibc.write($0, report, report.count) == report.count ? 0 : errno } ?? ENODEV
    guard failure == 0 else { throw TransportError("write to \(path)", code: failure) }
  }

  public func nextInput(within milliseconds: Int) throws(TransportError) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: ReportLimits.longest)
    // 0 and a code: nothing came, or the node failed.
    let (count, code) =
      guarded.using { file -> (Int, Int32) in
        var waiting = pollfd(fd: file, events: Int16(POLLIN), revents: 0)
        guard poll(&waiting, 1, Int32(clamping: milliseconds)) > 0 else { return (0, 0) }
        let count = Glibc.read(file, &bytes, bytes.count)
        if count > 0 { return (count, 0) }
        if count == 0 { return (0, ENODEV) }
        return (0, errno == EAGAIN || errno == EINTR ? 0 : errno)
      } ?? (0, ENODEV)
    guard code == 0 else { throw TransportError("read \(path)", code: code) }
    return count > 0 ? Array(bytes.prefix(count)) : nil
  }

  public func close() { guarded.close() }
}

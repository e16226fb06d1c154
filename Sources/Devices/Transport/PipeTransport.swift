import CLinux
import Glibc
import Sensing
import Spatial

/// Answers the feature reports of a device that is not there: a recording or an emulator.
public protocol FeatureResponder: Sendable {
  func getFeature(id: UInt8, length: Int) -> [UInt8]?
  func setFeature(_ report: [UInt8]) -> Bool
  func output(_ report: [UInt8])
  /// The input report that answers an output report, if one is there.
  func nextInput() -> [UInt8]?
}

extension FeatureResponder {
  public func nextInput() -> [UInt8]? { nil }
}

/// Reports from a program through a packet socket, which has hidraw's manners: one report a read, readable
/// when one waits, an end when the other side is gone.
///
/// Each packet starts with the eight-byte time at which the report counts as read (nanoseconds, host byte
/// order), so that a recording played at any speed gives the stamps it was recorded with.
///
/// `@unchecked Sendable`: holds constants and a descriptor that is closed once by its owner.
public final class PipeTransport: Transport, @unchecked Sendable {
  public let identity: InterfaceIdentity
  public let descriptor: HIDReportDescriptor?
  public let fileDescriptor: Int32
  private let responder: any FeatureResponder
  static let header = MemoryLayout<Int64>.size

  /// - Parameter descriptor: the reading end of a pair made by `ReportPipe`.
  init(
    fileDescriptor: Int32, identity: InterfaceIdentity, descriptor: HIDReportDescriptor?,
    responder: any FeatureResponder
  ) {
    self.fileDescriptor = fileDescriptor
    self.identity = identity
    self.descriptor = descriptor
    self.responder = responder
  }

  public func read(into buffer: UnsafeMutableRawBufferPointer, received: inout Timestamp) -> ReadResult {
    guard let base = buffer.baseAddress, buffer.count > Self.header else { return .nothing }
    var stamp: Int64 = 0
    // The stamp and the report go to two places, so that the report starts where hidraw's would.
    let count = withUnsafeMutableBytes(of: &stamp) { stampBytes -> Int in
      var parts = (
        iovec(iov_base: stampBytes.baseAddress, iov_len: Self.header),
        iovec(iov_base: base, iov_len: buffer.count)
      )
      return withUnsafeMutableBytes(of: &parts) {
        guard let vectors = $0.bindMemory(to: iovec.self).baseAddress else { return -1 }
        return readv(fileDescriptor, vectors, 2)
      }
    }
    if count > Self.header {
      received = Timestamp(nanoseconds: stamp)
      return .report(count - Self.header)
    }
    if count >= 0 { return .ended(0) }
    return errno == EAGAIN || errno == EINTR ? .nothing : .ended(errno)
  }

  public func getFeature(id: UInt8, length: Int) throws(TransportError) -> [UInt8] {
    guard let reply = responder.getFeature(id: id, length: length) else {
      throw TransportError("get feature 0x\(String(id, radix: 16)) of \(identity.name)", code: ENODATA)
    }
    return Array(reply.prefix(length))
  }

  public func setFeature(_ report: [UInt8]) throws(TransportError) {
    guard responder.setFeature(report) else {
      throw TransportError("set feature of \(identity.name)", code: EIO)
    }
  }

  public func writeOutput(_ report: [UInt8]) throws(TransportError) { responder.output(report) }

  /// What comes through the socket belongs to the decoder: a recording plays once.
  public func nextInput(within milliseconds: Int) throws(TransportError) -> [UInt8]? { responder.nextInput() }

  public func close() { Glibc.close(fileDescriptor) }
}

/// The writing end.
///
/// `@unchecked Sendable`: used by one thread, that of the player or emulator.
public final class ReportPipe: @unchecked Sendable {
  private let fileDescriptor: Int32
  private var packet: [UInt8] = []

  private init(fileDescriptor: Int32) { self.fileDescriptor = fileDescriptor }

  deinit { Glibc.close(fileDescriptor) }

  /// - Parameter isPatient: whether `send` waits while the reader is behind; otherwise the report is lost.
  public static func make(
    identity: InterfaceIdentity, descriptor: HIDReportDescriptor?, responder: any FeatureResponder,
    isPatient: Bool = true
  ) throws(TransportError) -> (reader: PipeTransport, writer: ReportPipe) {
    var fds: [Int32] = [0, 0]
    let result = linux_packet_pair(&fds)
    guard result == 0 else { throw TransportError("make a packet socket", code: -result) }
    _ = fcntl(fds[0], F_SETFL, O_NONBLOCK)
    let reader = PipeTransport(
      fileDescriptor: fds[0], identity: identity, descriptor: descriptor, responder: responder)
    if !isPatient { _ = fcntl(fds[1], F_SETFL, O_NONBLOCK) }
    return (reader, ReportPipe(fileDescriptor: fds[1]))
  }

  /// The reader sees the end after what was sent.
  public func finish() { shutdown(fileDescriptor, Int32(SHUT_WR)) }

  /// Waits while the reader is behind, if it is a patient one.
  ///
  /// - Returns: false when the reader is gone, or behind an impatient writer.
  public func send(_ report: some Collection<UInt8>, at time: Timestamp) -> Bool {
    packet.removeAll(keepingCapacity: true)
    withUnsafeBytes(of: time.nanoseconds) { packet.append(contentsOf: $0) }
    packet.append(contentsOf: report)
    return packet.withUnsafeBytes { linux_send(fileDescriptor, $0.baseAddress, $0.count, -1) } == packet.count
  }
}

public import BridgeProtocol
import CLinux
import Glibc
import SwiftProtobuf

/// One connection to the bridge: frames out, frames in, in order. Blocking; used by one thread at a time, but
/// `close` may come from any.
///
/// `@unchecked Sendable`: the buffers belong to the thread that receives, the descriptor is closed once.
public final class BridgeConnection: @unchecked Sendable {
  public let path: String
  public let welcome: Vrbridge_V1_Welcome
  private let fileDescriptor: Int32
  private var reader = FrameReader(limit: Framing.maximumLength)
  private var nextRequest: UInt64 = 2

  /// Connects and introduces the client.
  ///
  /// - Parameters:
  ///   - path: of the socket; nil looks where the bridge puts it.
  ///   - clientName: for the bridge's log.
  public init(path: String? = nil, clientName: String) throws(BridgeClientError) {
    var failure = BridgeClientError.notRunning(path ?? SocketPath.preferred)
    var opened: (Int32, String)?
    for candidate in path.map({ [$0] }) ?? SocketPath.candidates() {
      let result = linux_unix_connect(candidate)
      if result >= 0 {
        opened = (result, candidate)
        break
      }
      if result == -EACCES {
        failure = .refused("no permission for \(candidate); is your user in the socket's group?")
      }
    }
    guard let (descriptor, place) = opened else { throw failure }
    fileDescriptor = descriptor
    self.path = place
    var hello = ClientFrame()
    hello.requestID = 1
    hello.hello.protocolVersion = BridgeVersion.current
    hello.hello.features = BridgeVersion.features
    hello.hello.clientName = clientName
    var reader = FrameReader(limit: Framing.maximumLength)
    do throws(BridgeClientError) {
      try Self.send(hello, to: descriptor)
      let answer = try Self.receive(from: descriptor, &reader)
      guard case .welcome(let welcome) = answer.message else {
        throw BridgeClientError(answer) ?? .protocolViolation("the bridge did not answer Hello with Welcome")
      }
      self.welcome = welcome
      self.reader = reader
    } catch {
      Glibc.close(descriptor)
      throw error
    }
  }

  deinit { Glibc.close(fileDescriptor) }

  /// Makes a blocked `receive` return; from any thread.
  public func close() { shutdown(fileDescriptor, Int32(SHUT_RDWR)) }

  /// Sends a request without waiting for its answer.
  ///
  /// - Returns: the number that the answer carries in `replyTo`.
  @discardableResult
  public func send(_ message: ClientFrame.OneOf_Message) throws(BridgeClientError) -> UInt64 {
    var frame = ClientFrame()
    frame.requestID = nextRequest
    nextRequest += 1
    frame.message = message
    try Self.send(frame, to: fileDescriptor)
    return frame.requestID
  }

  /// Waits for the next frame.
  public func receive() throws(BridgeClientError) -> ServerFrame {
    try Self.receive(from: fileDescriptor, &reader)
  }

  /// Waits for the next frame at most this long.
  ///
  /// - Returns: nil when none came.
  public func receive(within seconds: Double) throws(BridgeClientError) -> ServerFrame? {
    let end = linux_monotonic_ns() + Int64(seconds * 1e9)
    while true {
      if let frame = try Self.buffered(&reader) { return frame }
      let left = (end - linux_monotonic_ns()) / 1_000_000
      var descriptor = pollfd(fd: fileDescriptor, events: Int16(POLLIN), revents: 0)
      let count = left > 0 ? poll(&descriptor, 1, Int32(clamping: left)) : 0
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return nil }
      try Self.fill(&reader, from: fileDescriptor)
    }
  }

  /// Sends a request and waits for its answer; frames of subscriptions in between go to `others`.
  public func request(
    _ message: ClientFrame.OneOf_Message, others: (ServerFrame) -> Void = { _ in }
  ) throws(BridgeClientError) -> ServerFrame {
    let number = try send(message)
    while true {
      let frame = try receive()
      guard frame.replyTo == number else {
        others(frame)
        continue
      }
      if let error = BridgeClientError(frame) { throw error }
      return frame
    }
  }

  private static func send(_ frame: ClientFrame, to descriptor: Int32) throws(BridgeClientError) {
    var bytes: [UInt8] = []
    do { try Framing.append(frame, to: &bytes) } catch {
      throw .protocolViolation("the request can't be encoded: \(error)")
    }
    var start = 0
    while start < bytes.count {
      let sent = bytes.withUnsafeBytes {
        linux_send(descriptor, $0.baseAddress?.advanced(by: start), bytes.count - start, -1)
      }
      guard sent > 0 else { throw .disconnected }
      start += sent
    }
  }

  private static func receive(
    from descriptor: Int32, _ reader: inout FrameReader
  ) throws(BridgeClientError) -> ServerFrame {
    while true {
      if let frame = try buffered(&reader) { return frame }
      try fill(&reader, from: descriptor)
    }
  }

  /// A frame that has come already.
  private static func buffered(_ reader: inout FrameReader) throws(BridgeClientError) -> ServerFrame? {
    let body: ArraySlice<UInt8>?
    do { body = try reader.next() } catch { throw .protocolViolation("a frame is too large") }
    guard let body else { return nil }
    do { return try ServerFrame(serializedBytes: Array(body)) } catch {
      throw .protocolViolation("the bytes are not a ServerFrame")
    }
  }

  private static func fill(_ reader: inout FrameReader, from descriptor: Int32) throws(BridgeClientError) {
    var passed: Int32 = -1
    let count = withUnsafeTemporaryAllocation(byteCount: 65_536, alignment: 16) { buffer -> Int in
      let count = linux_receive(descriptor, buffer.baseAddress, buffer.count, &passed)
      if count > 0 { reader.append(UnsafeRawBufferPointer(rebasing: buffer[0..<count])) }
      return count
    }
    // The pose page is read through PosePageReader, which has a connection of its own.
    if passed >= 0 { Glibc.close(passed) }
    guard count > 0 else { throw .disconnected }
  }
}

/// Why the bridge could not be reached or did not do what was asked.
public enum BridgeClientError: Error, Sendable, CustomStringConvertible {
  case notRunning(String)
  case refused(String)
  case disconnected
  case protocolViolation(String)
  case answered(Vrbridge_V1_ErrorCode, String)

  init?(_ frame: ServerFrame) {
    guard case .error(let error) = frame.message else { return nil }
    self = .answered(error.code, error.message)
  }

  public var description: String {
    switch self {
    case .notRunning(let path): "no bridge answers on \(path); start one with 'vrbridge run'"
    case .refused(let reason): reason
    case .disconnected: "the bridge closed the connection"
    case .protocolViolation(let problem): "the bridge does not follow the protocol: \(problem)"
    case .answered(_, let message): message
    }
  }
}

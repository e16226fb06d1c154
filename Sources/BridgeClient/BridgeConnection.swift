public import BridgeProtocol
public import Diagnostics
import CLinux
import Glibc
public import Sensing
import SwiftProtobuf

/// One connection to the bridge: sends and receives frames in order. Blocking; used by one thread at a time, except
/// ``close()``.
///
/// `@unchecked Sendable`: the buffers belong to the thread that receives, the descriptor is closed once.
public final class BridgeConnection: @unchecked Sendable {
  /// The path of the socket that accepted the connection.
  public let path: String
  /// The bridge's reply to the greeting: protocol version, common features, scopes of this client.
  public let welcome: Vrbridge_V1_Welcome
  private let fileDescriptor: Int32
  private var reader = FrameReader(limit: Framing.maximumLength)
  private var nextRequest: UInt64 = 2

  /// Connects and introduces the client.
  ///
  /// - Parameters:
  ///   - path: path of the socket; nil tries the default paths.
  ///   - clientName: name and version of the program, for the bridge's log.
  /// - Throws: ``BridgeClientError/notRunning(_:)`` or ``BridgeClientError/refused(_:)`` without a connection,
  ///   ``BridgeClientError/answered(_:)`` if the bridge rejects the client.
  public init(path: String? = nil, clientName: String) throws(BridgeClientError) {
    var failure = BridgeClientError.notRunning(path ?? SocketPath.preferred)
    var opened: (Int32, String)?
    for candidate in path.map({ [$0] }) ?? SocketPath.candidates() {
      let result = linux_unix_connect(candidate)
      if result >= 0 {
        opened = (result, candidate)
        break
      }
      if result == -ENAMETOOLONG {
        failure = .refused(
          "the path \(candidate) has more than \(SocketPath.maximumLength) bytes, which no socket may have; use a shorter one"
        )
      }
      if result == -EACCES {
        failure = .refused("no permission to open \(candidate); add your user to the socket's group")
      }
    }
    guard let (descriptor, openedPath) = opened else { throw failure }
    fileDescriptor = descriptor
    self.path = openedPath
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
        throw BridgeClientError(answer)
          ?? .protocolViolation("the bridge replied to Hello with another message than Welcome")
      }
      self.welcome = welcome
      self.reader = reader
    } catch {
      Glibc.close(descriptor)
      throw error
    }
  }

  deinit { Glibc.close(fileDescriptor) }

  /// Closes the connection: a blocked ``receive()`` throws ``BridgeClientError/disconnected``. Callable from any thread.
  public func close() { shutdown(fileDescriptor, Int32(SHUT_RDWR)) }

  /// Sends a request without waiting for its reply.
  ///
  /// - Parameters:
  ///   - message: the request.
  ///   - descriptor: a file descriptor to pass with it, which stays open; −1 for none.
  /// - Returns: the number that the reply carries in `replyTo`.
  /// - Throws: ``BridgeClientError/disconnected`` if the connection is closed.
  @discardableResult
  public func send(
    _ message: ClientFrame.OneOf_Message, passing descriptor: Int32 = -1
  ) throws(BridgeClientError) -> UInt64 {
    var frame = ClientFrame()
    frame.requestID = nextRequest
    nextRequest += 1
    frame.message = message
    try Self.send(frame, to: fileDescriptor, passing: descriptor)
    return frame.requestID
  }

  /// Waits for the next frame: a reply, or a frame of a subscription, whose `replyTo` is 0.
  ///
  /// - Throws: ``BridgeClientError/disconnected`` at the end of the connection.
  public func receive() throws(BridgeClientError) -> ServerFrame {
    try Self.receive(from: fileDescriptor, &reader)
  }

  /// Waits for the next frame for a limited time.
  ///
  /// - Parameter seconds: the limit, s.
  /// - Returns: nil when no frame arrived.
  /// - Throws: ``BridgeClientError/disconnected`` at the end of the connection.
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

  /// Sends a request and waits for its reply.
  ///
  /// - Parameters:
  ///   - message: the request.
  ///   - descriptor: a file descriptor to pass with it, which stays open; −1 for none.
  ///   - others: receives frames of subscriptions that arrive before the reply.
  /// - Returns: the reply.
  /// - Throws: ``BridgeClientError/answered(_:)`` if the bridge rejects the request.
  public func request(
    _ message: ClientFrame.OneOf_Message, passing descriptor: Int32 = -1,
    others: (ServerFrame) -> Void = { _ in }
  ) throws(BridgeClientError) -> ServerFrame {
    let number = try send(message, passing: descriptor)
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

  /// Requests all devices of the bridge, including those that were disconnected since it started.
  public func devices() throws(BridgeClientError) -> [DeviceStatus] {
    try request(.listDevices(Vrbridge_V1_ListDevices())).deviceList.devices.map(\.status)
  }

  private static func send(
    _ frame: ClientFrame, to descriptor: Int32, passing passed: Int32 = -1
  ) throws(BridgeClientError) {
    var bytes: [UInt8] = []
    do { try Framing.append(frame, to: &bytes) } catch {
      throw .protocolViolation("the request can't be encoded: \(error)")
    }
    var start = 0
    while start < bytes.count {
      let sent = bytes.withUnsafeBytes {
        linux_send(
          descriptor, $0.baseAddress?.advanced(by: start), bytes.count - start, start == 0 ? passed : -1)
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

  /// Returns the next frame of the bytes received so far.
  private static func buffered(_ reader: inout FrameReader) throws(BridgeClientError) -> ServerFrame? {
    let body: ArraySlice<UInt8>?
    do { body = try reader.next() } catch { throw .protocolViolation("a frame is too large") }
    guard let body else { return nil }
    do { return try ServerFrame(serializedBytes: Array(body)) } catch {
      throw .protocolViolation("the bytes are not a ServerFrame")
    }
  }

  private static func fill(_ reader: inout FrameReader, from descriptor: Int32) throws(BridgeClientError) {
    var (passed, hasMore): (Int32, Int32) = (-1, 0)
    let count = withUnsafeTemporaryAllocation(byteCount: 65_536, alignment: 16) { buffer -> Int in
      let count = linux_receive(descriptor, buffer.baseAddress, buffer.count, &passed, &hasMore)
      if count > 0 { reader.append(UnsafeRawBufferPointer(rebasing: buffer[0..<count])) }
      return count
    }
    // The pose page is read through PosePageReader, which has a connection of its own.
    if passed >= 0 { Glibc.close(passed) }
    guard count > 0 else { throw .disconnected }
  }
}

/// The reason why the bridge could not be reached or rejected a request.
public enum BridgeClientError: CodedError {
  /// No bridge listens at the path.
  case notRunning(String)
  /// The connection was refused, for the reason given.
  case refused(String)
  /// The bridge or the client closed the connection.
  case disconnected
  /// The bridge sent bytes or a message that the protocol does not allow.
  case protocolViolation(String)
  /// The bridge replied with an error.
  case answered(Reply)

  /// An error of the bridge, as the protocol carries it.
  public struct Reply: Sendable, Equatable {
    /// How a client should react.
    public var category: Vrbridge_V1_ErrorCode
    /// The stable code of the cause, for example `scope-missing`; empty from bridges before protocol 1.8.
    public var code: String
    /// One sentence for people; it may change in any release.
    public var message: String

    init(_ error: Vrbridge_V1_Error) { (category, code, message) = (error.code, error.cause, error.message) }
  }

  init?(_ frame: ServerFrame) {
    guard case .error(let error) = frame.message else { return nil }
    self = .answered(Reply(error))
  }

  /// The stable code of the error, for programs.
  public var code: String {
    switch self {
    case .notRunning: "bridge-not-running"
    case .refused: "bridge-refused"
    case .disconnected: "bridge-disconnected"
    case .protocolViolation: "bridge-protocol-violation"
    case .answered(let reply): reply.code.isEmpty ? "bridge-error" : reply.code
    }
  }

  /// One sentence for people: the cause and, where one is known, the remedy.
  public var description: String {
    switch self {
    case .notRunning(let path): "no bridge answers on \(path); start one with 'vrbridge run'"
    case .refused(let reason): reason
    case .disconnected: "the bridge closed the connection"
    case .protocolViolation(let problem): "the bridge violates the protocol: \(problem)"
    case .answered(let reply): reply.message
    }
  }
}

import Admission
import BridgeProtocol
import CLinux
import Devices
import Logging
import SwiftProtobuf

/// Accepts clients of the socket. While the process has no descriptor left, waiting clients get an error, and the listener
/// pauses: it must not spin.
///
/// Belongs to the server's thread.
final class ClientListener {
  private let descriptor: Int32
  private let epoll: Int32
  private let token: UInt64
  private let timer: Int32
  private let log: Logger
  private let reserve = DescriptorReserve()
  private let logged = LogLimit()

  /// Connections accepted in one turn, so that events of other clients do not wait for a flood of them.
  private static let batch = 16
  private static let pause: Int64 = 100_000_000

  /// - Parameters:
  ///   - timer: ends a pause; owned by the caller.
  ///   - token: of the listening socket in epoll.
  init(_ descriptor: Int32, epoll: Int32, token: UInt64, timer: Int32, log: Logger) {
    self.descriptor = descriptor
    self.epoll = epoll
    self.token = token
    self.timer = timer
    self.log = log
    linux_epoll_add(epoll, descriptor, token, 0)
  }

  /// Accepts waiting connections.
  func accept(_ admit: (Int32) -> Void) {
    for _ in 0..<Self.batch {
      let connection = linux_accept(descriptor)
      guard connection >= 0 else {
        if DescriptorReserve.isExhausted(-connection) { refuse(because: connection) }
        return
      }
      admit(connection)
    }
  }

  private func refuse(because error: Int32) {
    let refused = reserve.refuse(descriptor, answer: Self.answer)
    if let left = logged.permit() {
      log.warning(
        "clients of the socket can't be accepted",
        metadata: [
          "reason": "\(errorText(error))", "refused": "\(refused)", "lines_left_out": "\(left)",
        ])
    }
    linux_epoll_remove(epoll, descriptor)
    linux_timerfd_set(timer, Self.pause, 0)
  }

  /// Ends a pause.
  func resume() {
    linux_eventfd_drain(timer)
    linux_epoll_add(epoll, descriptor, token, 0)
  }

  private static let answer: [UInt8] = {
    let error = RequestError(
      .tooManyClients, AdmissionError("the bridge has no file descriptor left; try again later"))
    var bytes: [UInt8] = []
    // A frame of one short text is always within the limit of a frame.
    try? Framing.append(ServerFrame.with { $0.error = error.encoded(isFatal: true) }, to: &bytes)
    return bytes
  }()
}

import Foundation
import NIOCore
import Synchronization

/// The server's clients, and the senders that were described to them.
final class VRPNHub: Sendable {
  private struct State {
    var clients: [Int: any Channel] = [:]
    var nextClient = 1
    var senders: [String] = []
  }
  private let state = Mutex(State())

  /// Adds a client and describes all types and senders to it.
  ///
  /// - Returns: the client's number.
  func join(_ channel: any Channel) -> Int {
    let (number, senders) = state.withLock { state -> (Int, [String]) in
      defer { state.nextClient += 1 }
      state.clients[state.nextClient] = channel
      return (state.nextClient, state.senders)
    }
    var bytes = VRPNMessage.Kind.allCases.flatMap {
      VRPNMessage.description($0.name, number: $0.rawValue, kind: VRPNMessage.typeDescription)
    }
    for (index, name) in senders.enumerated() {
      bytes += VRPNMessage.description(name, number: Int32(index), kind: VRPNMessage.senderDescription)
    }
    channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
    return number
  }

  func leave(_ number: Int) { state.withLock { _ = $0.clients.removeValue(forKey: number) } }

  func closeAll() {
    for channel in state.withLock({ Array($0.clients.values) }) { channel.close(promise: nil) }
  }

  var hasClients: Bool { clientCount > 0 }
  var clientCount: Int { state.withLock { $0.clients.count } }

  /// Sends a message to all clients. Policy: `dropNewest` for a client that does not read.
  ///
  /// Must not be called on an event loop. A message is in the channel's queue before the lock is released, so that it
  /// never precedes the description of its sender.
  func send(_ kind: VRPNMessage.Kind, from sender: String, _ body: [UInt8], time: Double) {
    state.withLock { state in
      guard !state.clients.isEmpty else { return }
      let known = state.senders.firstIndex(of: sender)
      let number = Int32(known ?? state.senders.count)
      var bytes = VRPNMessage.frame(body, sender: number, kind: kind.rawValue, time: time)
      if known == nil {
        state.senders.append(sender)
        bytes = VRPNMessage.description(sender, number: number, kind: VRPNMessage.senderDescription) + bytes
      }
      for client in state.clients.values where known == nil || client.isWritable {
        client.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
      }
    }
  }

  /// Sends a pong of every sender to a client.
  ///
  /// The write is queued even on the channel's own loop: the description of a sender may still be in the queue.
  ///
  /// - Returns: succeeds when the socket has taken the bytes.
  func pong(to channel: any Channel) -> EventLoopFuture<Void> {
    let now = Date().timeIntervalSince1970
    return state.withLock { state in
      let frames = state.senders.indices.flatMap {
        VRPNMessage.frame([], sender: Int32($0), kind: VRPNMessage.Kind.pong.rawValue, time: now)
      }
      let sent = channel.eventLoop.makePromise(of: Void.self)
      channel.eventLoop.execute { channel.writeAndFlush(ByteBuffer(bytes: frames), promise: sent) }
      return sent.futureResult
    }
  }
}

import Authorisation
import Foundation
import NIOCore
import Synchronization

/// The server's clients, and the senders that were described to them.
final class VRPNHub: Sendable {
  private struct Client {
    var channel: any Channel
    var rights: Rights
  }
  private struct State {
    var clients: [Int: Client] = [:]
    var nextClient = 1
    var senders: [String] = []
  }
  private let state = Mutex(State())
  private let policy: AccessPolicy

  init(policy: AccessPolicy) { self.policy = policy }

  /// Adds a client and describes all types and senders to it.
  ///
  /// - Returns: the client's number.
  /// - Throws: for a client without rights.
  func join(_ channel: any Channel, _ rights: Rights) throws(AuthorisationError) -> Int {
    try policy.require(.connect(.vrpn), by: rights)
    let (number, senders) = state.withLock { state -> (Int, [String]) in
      defer { state.nextClient += 1 }
      state.clients[state.nextClient] = Client(channel: channel, rights: rights)
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
    for channel in state.withLock({ $0.clients.values.map(\.channel) }) { channel.close(promise: nil) }
  }

  var hasClients: Bool { clientCount > 0 }
  var clientCount: Int { state.withLock { $0.clients.count } }

  /// Sends a message to all clients that may receive its data. Policy: `dropNewest` for a client that does not read.
  ///
  /// Must not be called on an event loop. A message is in the channel's queue before the lock is released, so that it
  /// never precedes the description of its sender.
  func send(_ kind: VRPNMessage.Kind, from sender: String, _ body: [UInt8], time: Double) {
    state.withLock { state in
      guard !state.clients.isEmpty else { return }
      let known = state.senders.firstIndex(of: sender)
      let number = Int32(known ?? state.senders.count)
      let message = VRPNMessage.frame(body, sender: number, kind: kind.rawValue, time: time)
      var description: [UInt8] = []
      if known == nil {
        state.senders.append(sender)
        description = VRPNMessage.description(sender, number: number, kind: VRPNMessage.senderDescription)
      }
      for client in state.clients.values {
        let isPermitted = policy.permits(.receive(kind.data), by: client.rights)
        // All clients have the descriptions of all senders.
        guard isPermitted ? known == nil || client.channel.isWritable : known == nil else { continue }
        client.channel.writeAndFlush(
          ByteBuffer(bytes: isPermitted ? description + message : description), promise: nil)
      }
    }
  }

  /// Describes a sender to all clients, unless they know it.
  func describe(_ sender: String) {
    state.withLock { state in
      guard !state.clients.isEmpty, !state.senders.contains(sender) else { return }
      let description = VRPNMessage.description(
        sender, number: Int32(state.senders.count), kind: VRPNMessage.senderDescription)
      state.senders.append(sender)
      for client in state.clients.values {
        client.channel.writeAndFlush(ByteBuffer(bytes: description), promise: nil)
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

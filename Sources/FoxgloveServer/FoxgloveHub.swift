import Foundation
import NIOCore
import NIOWebSocket
import Sensing
import SessionLog
import Synchronization

/// Channels, clients and their subscriptions.
final class FoxgloveHub: Sendable {
  private struct Client {
    var channel: any Channel
    var scopes: Set<Scope>
    /// Channel by the client's number of the subscription.
    var subscriptions: [UInt32: UInt32] = [:]
    var dropped: UInt64 = 0
  }
  private struct State {
    var clients: [Int: Client] = [:]
    var nextClient = 1
    var numbers: [SessionTopic: UInt32] = [:]
    var topics: [UInt32: SessionTopic] = [:]
    /// Subscriptions of each channel.
    var readers: [UInt32: Int] = [:]
  }
  private let state = Mutex(State())
  private let greeting: [UInt8]

  private static let maximumSubscriptions = 1024

  init(version: String, now: Int64) {
    greeting = FoxgloveMessage.json(
      FoxgloveMessage.ServerInfo(
        name: "vrbridge \(version)", capabilities: ["time"], metadata: ["version": version],
        sessionId: String(now)))
  }

  var clientCount: Int { state.withLock { $0.clients.count } }

  /// The scope that a client needs to read a topic.
  private static func scope(of topic: SessionTopic) -> Scope {
    switch topic {
    case .image, .cameraCalibration, .cameraMount, .imageAnnotations, .scene: .camera
    case .speech, .audio, .prompts: .microphone
    case .control: .controls
    case .log: .manage
    default: .poses
    }
  }

  // MARK: clients

  /// Adds a client and sends it the channels that its scopes permit.
  ///
  /// - Returns: the client's number.
  func join(_ channel: any Channel, scopes: Set<Scope>) -> Int {
    let (number, channels) = state.withLock { state -> (Int, [FoxgloveMessage.Channel]) in
      let number = state.nextClient
      state.nextClient += 1
      state.clients[number] = Client(channel: channel, scopes: scopes)
      let known = state.topics.filter { scopes.contains(Self.scope(of: $0.value)) }
      return (number, known.map { Self.description(of: $0.value, $0.key) }.sorted { $0.id < $1.id })
    }
    write(greeting, .text, to: channel)
    if !channels.isEmpty {
      write(FoxgloveMessage.json(FoxgloveMessage.Advertise(channels: channels)), .text, to: channel)
    }
    return number
  }

  func leave(_ number: Int) {
    state.withLock { state in
      guard let client = state.clients.removeValue(forKey: number) else { return }
      for channel in client.subscriptions.values { state.readers[channel, default: 1] -= 1 }
    }
  }

  func closeAll() {
    for client in state.withLock({ $0.clients.values.map(\.channel) }) { client.close(promise: nil) }
  }

  /// Carries out a request.
  ///
  /// - Returns: the status to send to the client when the request failed.
  func handle(_ request: FoxgloveMessage.Request, of number: Int) -> FoxgloveMessage.Status? {
    state.withLock { state in
      guard var client = state.clients[number] else { return nil }
      defer { state.clients[number] = client }
      switch request {
      case .subscribe(let list):
        for subscription in list {
          guard let topic = state.topics[subscription.channelId],
            client.scopes.contains(Self.scope(of: topic))
          else {
            return FoxgloveMessage.Status(
              level: 1, message: "channel \(subscription.channelId) does not exist")
          }
          guard client.subscriptions[subscription.id] == nil else {
            return FoxgloveMessage.Status(
              level: 1, message: "subscription \(subscription.id) exists already")
          }
          guard client.subscriptions.count < Self.maximumSubscriptions else {
            return FoxgloveMessage.Status(
              level: 2, message: "a client has at most \(Self.maximumSubscriptions) subscriptions")
          }
          client.subscriptions[subscription.id] = subscription.channelId
          state.readers[subscription.channelId, default: 0] += 1
        }
        return nil
      case .unsubscribe(let list):
        for id in list {
          guard let channel = client.subscriptions.removeValue(forKey: id) else {
            return FoxgloveMessage.Status(level: 1, message: "subscription \(id) does not exist")
          }
          state.readers[channel, default: 1] -= 1
        }
        return nil
      case .unknown(let operation):
        return FoxgloveMessage.Status(
          level: 1, message: "this server does not support '\(operation.prefix(100))'")
      }
    }
  }

  // MARK: channels

  private static func description(of topic: SessionTopic, _ number: UInt32) -> FoxgloveMessage.Channel {
    FoxgloveMessage.Channel(
      id: number, topic: topic.path, schemaName: topic.schema, schema: topic.descriptorSet)
  }

  /// Advertises new topics to all clients whose scopes permit them.
  func advertise(_ topics: [SessionTopic]) {
    let messages = state.withLock { state -> [(any Channel, [UInt8])] in
      var new: [(SessionTopic, UInt32)] = []
      for topic in topics where state.numbers[topic] == nil {
        let number = UInt32(state.numbers.count + 1)
        state.numbers[topic] = number
        state.topics[number] = topic
        new.append((topic, number))
      }
      guard !new.isEmpty else { return [] }
      return state.clients.values.compactMap { client in
        let channels = new.filter { client.scopes.contains(Self.scope(of: $0.0)) }
        guard !channels.isEmpty else { return nil }
        let message = FoxgloveMessage.Advertise(channels: channels.map { Self.description(of: $0.0, $0.1) })
        return (client.channel, FoxgloveMessage.json(message))
      }
    }
    for (channel, message) in messages { write(message, .text, to: channel) }
  }

  /// Whether a client subscribed to the topic; messages of others need not be made.
  func isRead(_ topic: SessionTopic) -> Bool {
    state.withLock { state in state.numbers[topic].map { (state.readers[$0] ?? 0) > 0 } ?? false }
  }

  /// Sends a message to the topic's subscribers. Policy: `dropNewest` for a client whose connection is full, with a count.
  func publish(_ payload: [UInt8], on topic: SessionTopic, time: Int64) {
    let readers = state.withLock { state -> [(any Channel, UInt32)] in
      guard let number = state.numbers[topic], (state.readers[number] ?? 0) > 0 else { return [] }
      var list: [(any Channel, UInt32)] = []
      for (id, client) in state.clients {
        for (subscription, channel) in client.subscriptions where channel == number {
          if client.channel.isWritable {
            list.append((client.channel, subscription))
          } else {
            state.clients[id]?.dropped += 1
          }
        }
      }
      return list
    }
    for (channel, subscription) in readers {
      write(FoxgloveMessage.data(subscription: subscription, time: time, payload), .binary, to: channel)
    }
  }

  /// Sends the time to all clients.
  func publish(time: Int64) {
    for client in state.withLock({ $0.clients.values.map(\.channel) }) where client.isWritable {
      write(FoxgloveMessage.time(time), .binary, to: client)
    }
  }

  /// Messages dropped for slow clients.
  var dropped: UInt64 { state.withLock { $0.clients.values.reduce(0) { $0 + $1.dropped } } }

  private func write(_ bytes: [UInt8], _ kind: WebSocketOpcode, to channel: any Channel) {
    let frame = WebSocketFrame(fin: true, opcode: kind, data: ByteBuffer(bytes: bytes))
    channel.writeAndFlush(frame, promise: nil)
  }
}

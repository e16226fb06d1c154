import Authorisation
import Cameras
import Foundation
import NIOCore
import NIOWebSocket
import SessionLog
import Synchronization

/// Channels, clients and their subscriptions.
final class FoxgloveHub: Sendable {
  private struct Client {
    var channel: any Channel
    var rights: Rights
    /// The client's number of the subscription by channel: the protocol permits one for each.
    var subscriptions: [UInt32: UInt32] = [:]
    /// Bytes that were written and that the socket has not taken.
    var underWay = 0
    var dropped: UInt64 = 0
  }
  private struct State {
    var clients: [Int: Client] = [:]
    var nextClient = 1
    var numbers: [SessionTopic: UInt32] = [:]
    var topics: [UInt32: SessionTopic] = [:]
    var nextChannel: UInt32 = 1
    /// Channels of each camera.
    var cameras = CameraTable<Set<UInt32>>()
    /// Subscriptions of each channel.
    var readers: [UInt32: Int] = [:]
  }
  private let state = Mutex(State())
  private let greeting: [UInt8]
  private let policy: AccessPolicy

  /// Bytes under way to one client, a few images. Data beyond it are dropped; a frame to an idle client is not.
  static let maximumUnderWay = 1 << 20

  init(version: String, now: Int64, policy: AccessPolicy) {
    self.policy = policy
    greeting = FoxgloveMessage.json(
      FoxgloveMessage.ServerInfo(
        name: "vrbridge \(version)", capabilities: ["time"], metadata: ["version": version],
        sessionId: String(now)))
  }

  var channelCount: Int { state.withLock { $0.topics.count } }
  var clientCount: Int { state.withLock { $0.clients.count } }

  private func permits(_ topic: SessionTopic, _ rights: Rights) -> Bool {
    policy.permits(.receive(topic.data), by: rights)
  }

  // MARK: clients

  /// Adds a client and sends it the channels that its rights permit.
  ///
  /// - Returns: the client's number.
  func join(_ channel: any Channel, _ rights: Rights) -> Int {
    let (number, channels) = state.withLock { state -> (Int, [FoxgloveMessage.Channel]) in
      let number = state.nextClient
      state.nextClient += 1
      state.clients[number] = Client(channel: channel, rights: rights)
      let known = state.topics.filter { permits($0.value, rights) }
      return (number, known.map { Self.description(of: $0.value, $0.key) }.sorted { $0.id < $1.id })
    }
    // A connection that ended before it has handlers reports that to nobody else.
    channel.closeFuture.whenComplete { [weak self] _ in self?.leave(number) }
    send(greeting, .text, to: number)
    if !channels.isEmpty {
      send(FoxgloveMessage.json(FoxgloveMessage.Advertise(channels: channels)), .text, to: number)
    }
    return number
  }

  func leave(_ number: Int) {
    state.withLock { state in
      guard let client = state.clients.removeValue(forKey: number) else { return }
      for channel in client.subscriptions.keys { state.readers[channel, default: 1] -= 1 }
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
            permits(topic, client.rights)
          else {
            return FoxgloveMessage.Status(
              level: 1, message: "channel \(subscription.channelId) does not exist")
          }
          guard !client.subscriptions.values.contains(subscription.id) else {
            return FoxgloveMessage.Status(
              level: 1, message: "subscription \(subscription.id) exists already")
          }
          guard client.subscriptions[subscription.channelId] == nil else {
            return FoxgloveMessage.Status(
              level: 1, message: "a subscription of channel \(subscription.channelId) exists already")
          }
          client.subscriptions[subscription.channelId] = subscription.id
          state.readers[subscription.channelId, default: 0] += 1
        }
        return nil
      case .unsubscribe(let list):
        for id in list {
          guard let channel = client.subscriptions.first(where: { $0.value == id })?.key else {
            return FoxgloveMessage.Status(level: 1, message: "subscription \(id) does not exist")
          }
          client.subscriptions[channel] = nil
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

  /// Advertises new topics to all clients whose rights permit them, and withdraws those of a camera that gives way.
  func advertise(_ topics: [SessionTopic]) {
    let messages = state.withLock { state -> [(Int, [UInt8])] in
      var new: [(SessionTopic, UInt32)] = []
      var withdrawn: Set<UInt32> = []
      for topic in topics {
        let number = state.numbers[topic] ?? state.nextChannel
        if state.numbers[topic] == nil {
          state.nextChannel += 1
          state.numbers[topic] = number
          state.topics[number] = topic
          new.append((topic, number))
        }
        guard let camera = topic.camera else { continue }
        let channels = (state.cameras[camera] ?? []).union([number])
        withdrawn.formUnion(state.cameras.set(channels, of: camera) ?? [])
      }
      guard !new.isEmpty || !withdrawn.isEmpty else { return [] }
      for channel in withdrawn { Self.withdraw(channel, &state) }
      return state.clients.flatMap { number, client -> [(Int, [UInt8])] in
        let channels = new.filter { permits($0.0, client.rights) }.map { Self.description(of: $0.0, $0.1) }
        let ended = permits(.image(camera: ""), client.rights) ? withdrawn.sorted() : []
        var messages: [(Int, [UInt8])] = []
        if !channels.isEmpty {
          messages.append((number, FoxgloveMessage.json(FoxgloveMessage.Advertise(channels: channels))))
        }
        if !ended.isEmpty {
          messages.append((number, FoxgloveMessage.json(FoxgloveMessage.Unadvertise(channelIds: ended))))
        }
        return messages
      }
    }
    for (client, message) in messages { send(message, .text, to: client) }
  }

  private static func withdraw(_ channel: UInt32, _ state: inout State) {
    if let topic = state.topics.removeValue(forKey: channel) { state.numbers[topic] = nil }
    state.readers[channel] = nil
    for number in state.clients.keys { state.clients[number]?.subscriptions[channel] = nil }
  }

  /// Whether a client subscribed to the topic; messages of others need not be made.
  func isRead(_ topic: SessionTopic) -> Bool {
    state.withLock { state in state.numbers[topic].map { (state.readers[$0] ?? 0) > 0 } ?? false }
  }

  /// Sends a message to the topic's subscribers. Policy: `dropNewest` for a client that does not read, with a count.
  func publish(_ payload: [UInt8], on topic: SessionTopic, time: Int64) {
    let size = FoxgloveMessage.dataHeader + payload.count
    let readers = state.withLock { state -> [(client: Int, channel: any Channel, subscription: UInt32)] in
      guard let number = state.numbers[topic], (state.readers[number] ?? 0) > 0 else { return [] }
      return state.clients.keys.compactMap { id in
        guard let subscription = state.clients[id]?.subscriptions[number] else { return nil }
        guard let channel = Self.reserve(size, id, &state) else {
          state.clients[id]?.dropped += 1
          return nil
        }
        return (id, channel, subscription)
      }
    }
    for (client, channel, subscription) in readers {
      let bytes = FoxgloveMessage.data(subscription: subscription, time: time, payload)
      write(bytes, .binary, to: channel, of: client)
    }
  }

  /// Sends the time to all clients.
  func publish(time: Int64) {
    let bytes = FoxgloveMessage.time(time)
    let clients = state.withLock { state in
      state.clients.keys.compactMap { id in Self.reserve(bytes.count, id, &state).map { (id, $0) } }
    }
    for (client, channel) in clients { write(bytes, .binary, to: channel, of: client) }
  }

  /// Messages dropped for slow clients.
  var dropped: UInt64 { state.withLock { $0.clients.values.reduce(0) { $0 + $1.dropped } } }

  /// Counts the bytes of a frame as under way, unless too many are.
  ///
  /// - Returns: the client's channel; nil for a frame that must be dropped.
  private static func reserve(_ size: Int, _ id: Int, _ state: inout State) -> (any Channel)? {
    guard let client = state.clients[id],
      client.underWay == 0 || client.underWay + size <= Self.maximumUnderWay
    else { return nil }
    state.clients[id]?.underWay += size
    return client.channel
  }

  /// Sends a control message, which is never dropped.
  private func send(_ bytes: [UInt8], _ kind: WebSocketOpcode, to client: Int) {
    let channel = state.withLock { state in
      state.clients[client]?.underWay += bytes.count
      return state.clients[client]?.channel
    }
    if let channel { write(bytes, kind, to: channel, of: client) }
  }

  /// Writes a frame whose bytes are counted already.
  private func write(_ bytes: [UInt8], _ kind: WebSocketOpcode, to channel: any Channel, of client: Int) {
    let frame = WebSocketFrame(fin: true, opcode: kind, data: ByteBuffer(bytes: bytes))
    channel.writeAndFlush(frame).whenComplete { [weak self, count = bytes.count] _ in
      self?.state.withLock { $0.clients[client]?.underWay -= count }
    }
  }
}

extension SessionTopic {
  /// The camera of a topic; nil for other topics.
  fileprivate var camera: String? {
    switch self {
    case .image(let camera), .cameraCalibration(let camera), .cameraMount(let camera),
      .imageAnnotations(let camera):
      camera
    default: nil
    }
  }

  /// The data that the topic carries.
  var data: Action.Data {
    switch self {
    case .report, .state, .groundTruth, .pose, .transforms, .figures, .events, .recorder: .poses
    case .control: .controls
    case .image, .cameraCalibration, .cameraMount: .frames
    case .imageAnnotations, .scene: .annotations
    case .speech, .audio, .prompts: .speech
    case .log: .log
    }
  }
}

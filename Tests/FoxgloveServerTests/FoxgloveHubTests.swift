import Admission
import Authorisation
import Cameras
import Foundation
import NIOCore
import NIOEmbedded
import NIOWebSocket
import Sensing
import SessionLog
import Synchronization
import TestSupport
import Testing

@testable import FoxgloveServer

/// Takes no output while it is full.
private final class SlowSocket: ChannelOutboundHandler, Sendable {
  typealias OutboundIn = WebSocketFrame
  let isFull = Atomic(false)

  func flush(context: ChannelHandlerContext) {
    if !isFull.load(ordering: .relaxed) { context.flush() }
  }
}

struct FoxgloveHubTests {
  /// Reads the frames that were sent to a client: text, or `binary N` with the length.
  private func sent(_ channel: NIOAsyncTestingChannel) async throws -> [String] {
    await channel.testingEventLoop.run()
    var list: [String] = []
    while let frame = try await channel.readOutbound(as: WebSocketFrame.self) {
      list.append(frame.opcode == .text ? String(buffer: frame.data) : "binary \(frame.data.readableBytes)")
    }
    return list
  }

  @Test func topicsAreAdvertisedByScope() async throws {
    let hub = FoxgloveHub(version: "1", now: 5, policy: AccessPolicy())
    hub.advertise([.transforms, .log])
    let (owner, guest) = (NIOAsyncTestingChannel(), NIOAsyncTestingChannel())
    _ = hub.join(owner, Rights(.user(0), scopes: Set(Scope.allCases)))
    _ = hub.join(guest, Rights(.user(7), scopes: [.poses]))
    let (all, few) = (try await sent(owner), try await sent(guest))
    #expect(all.first?.contains("serverInfo") == true && few.first?.contains("serverInfo") == true)
    #expect(all.last?.contains("\"/log\"") == true && all.last?.contains("\"/tf\"") == true, "\(all)")
    #expect(few.last?.contains("\"/log\"") == false && few.last?.contains("\"/tf\"") == true, "\(few)")
    hub.advertise([.speech])
    #expect(try await sent(owner).first?.contains("/speech") == true)
    #expect(try await sent(guest).isEmpty)
  }

  @Test func subscribersGetTheirTopicsOnly() async throws {
    let hub = FoxgloveHub(version: "1", now: 5, policy: AccessPolicy())
    hub.advertise([.transforms, .log])
    let channel = NIOAsyncTestingChannel()
    let client = hub.join(channel, Rights(.user(7), scopes: [.poses]))
    _ = try await sent(channel)
    #expect(!hub.isRead(.transforms))
    let subscription = FoxgloveMessage.Subscription(id: 7, channelId: 1)
    #expect(hub.handle(.subscribe([subscription]), of: client) == nil)
    #expect(hub.isRead(.transforms))
    // A second subscription of the number, a channel that the scopes hide, and unknown ones.
    #expect(hub.handle(.subscribe([subscription]), of: client)?.message.contains("exists") == true)
    #expect(
      hub.handle(.subscribe([FoxgloveMessage.Subscription(id: 8, channelId: 2)]), of: client) != nil)
    #expect(hub.handle(.unsubscribe([9]), of: client) != nil)
    #expect(hub.handle(.unknown("getParameters"), of: client)?.message.contains("getParameters") == true)
    hub.publish([1, 2, 3], on: .transforms, time: 4)
    hub.publish([1, 2, 3], on: .log, time: 4)
    #expect(try await sent(channel) == ["binary 16"])
    hub.leave(client)
    #expect(!hub.isRead(.transforms) && hub.clientCount == 0)
  }

  @Test func aChannelHasOneSubscriptionOfAClient() async throws {
    let hub = FoxgloveHub(version: "1", now: 5, policy: AccessPolicy())
    hub.advertise([.transforms])
    let channel = NIOAsyncTestingChannel()
    let client = hub.join(channel, Rights(.user(7), scopes: [.poses]))
    _ = try await sent(channel)
    let status = hub.handle(
      .subscribe((1...3).map { FoxgloveMessage.Subscription(id: $0, channelId: 1) }), of: client)
    #expect(status?.message.contains("channel 1 exists already") == true)
    hub.publish([1], on: .transforms, time: 4)
    #expect(try await sent(channel) == ["binary 14"])
    #expect(hub.handle(.unsubscribe([1]), of: client) == nil && !hub.isRead(.transforms))
    #expect(hub.handle(.subscribe([FoxgloveMessage.Subscription(id: 2, channelId: 1)]), of: client) == nil)
  }

  /// The channel's own sign of a full connection is late for other threads; this channel never gives it.
  @Test func framesBeyondTheBytesUnderWayAreDropped() async throws {
    let hub = FoxgloveHub(version: "1", now: 5, policy: AccessPolicy())
    hub.advertise([.transforms])
    let socket = SlowSocket()
    let channel = NIOAsyncTestingChannel()
    try await channel.pipeline.addHandler(socket).get()
    let client = hub.join(channel, Rights(.user(7), scopes: [.poses]))
    #expect(hub.handle(.subscribe([FoxgloveMessage.Subscription(id: 7, channelId: 1)]), of: client) == nil)
    _ = try await sent(channel)
    socket.isFull.store(true, ordering: .relaxed)
    let frame = [UInt8](repeating: 0, count: 400 << 10)
    for _ in 0..<10 { hub.publish(frame, on: .transforms, time: 4) }
    #expect(hub.dropped == 8 && channel.isWritable)
    #expect(try await sent(channel).isEmpty)
    socket.isFull.store(false, ordering: .relaxed)
    channel.flush()
    #expect(try await sent(channel).count == 2)
    hub.publish(frame, on: .transforms, time: 4)
    #expect(try await sent(channel).count == 1 && hub.dropped == 8)
    // A frame that is larger than the limit is sent alone.
    socket.isFull.store(true, ordering: .relaxed)
    hub.publish([UInt8](repeating: 0, count: 2 << 20), on: .transforms, time: 4)
    hub.publish([1], on: .transforms, time: 4)
    hub.publish(time: 5)
    socket.isFull.store(false, ordering: .relaxed)
    channel.flush()
    #expect(try await sent(channel).count == 1 && hub.dropped == 9)
  }

  /// Clients name cameras as they like; viewers see those of the most recent frames.
  @Test func channelsOfEarlierCamerasAreWithdrawn() async throws {
    let hub = FoxgloveHub(version: "1", now: 5, policy: AccessPolicy())
    let (owner, guest) = (NIOAsyncTestingChannel(), NIOAsyncTestingChannel())
    let client = hub.join(owner, Rights(.user(0), scopes: Set(Scope.allCases)))
    _ = hub.join(guest, Rights(.user(7), scopes: [.poses]))
    _ = (try await sent(owner), try await sent(guest))
    for number in 0..<CameraTable<Int>.maximum {
      hub.advertise([.image(camera: "c\(number)"), .cameraCalibration(camera: "c\(number)")])
    }
    #expect(try await sent(owner).allSatisfy { $0.contains("\"advertise\"") })
    #expect(hub.handle(.subscribe([FoxgloveMessage.Subscription(id: 7, channelId: 1)]), of: client) == nil)
    #expect(hub.isRead(.image(camera: "c0")))
    // Frames of the first keep it; the second gives way.
    hub.advertise([.image(camera: "c0")])
    hub.advertise([.image(camera: "new")])
    #expect(try await sent(owner).contains { $0.contains("unadvertise") && $0.contains("[3,4]") })
    #expect(hub.isRead(.image(camera: "c0")))
    for number in 0..<1000 { hub.advertise([.image(camera: "d\(number)")]) }
    #expect(!hub.isRead(.image(camera: "c0")))
    #expect(hub.handle(.subscribe([FoxgloveMessage.Subscription(id: 7, channelId: 1)]), of: client) != nil)
    #expect(hub.channelCount == CameraTable<Int>.maximum)
    #expect(try await sent(guest).isEmpty)
  }

  @Test func aConnectionThatEndsWithoutHandlersLeaves() async throws {
    let hub = FoxgloveHub(version: "1", now: 5, policy: AccessPolicy())
    let channel = NIOAsyncTestingChannel()
    _ = hub.join(channel, Rights(.user(7), scopes: [.poses]))
    #expect(hub.clientCount == 1)
    try await channel.close()
    await channel.testingEventLoop.run()
    #expect(hub.clientCount == 0)
  }
}

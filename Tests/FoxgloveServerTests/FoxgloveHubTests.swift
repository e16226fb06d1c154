import Foundation
import NIOCore
import NIOEmbedded
import NIOWebSocket
import Sensing
import SessionLog
import TestSupport
import Testing

@testable import FoxgloveServer

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
    let hub = FoxgloveHub(version: "1", now: 5)
    hub.advertise([.transforms, .log])
    let (owner, guest) = (NIOAsyncTestingChannel(), NIOAsyncTestingChannel())
    _ = hub.join(owner, scopes: Set(Scope.allCases))
    _ = hub.join(guest, scopes: [.poses])
    let (all, few) = (try await sent(owner), try await sent(guest))
    #expect(all.first?.contains("serverInfo") == true && few.first?.contains("serverInfo") == true)
    #expect(all.last?.contains("\"/log\"") == true && all.last?.contains("\"/tf\"") == true, "\(all)")
    #expect(few.last?.contains("\"/log\"") == false && few.last?.contains("\"/tf\"") == true, "\(few)")
    hub.advertise([.speech])
    #expect(try await sent(owner).first?.contains("/speech") == true)
    #expect(try await sent(guest).isEmpty)
  }

  @Test func subscribersGetTheirTopicsOnly() async throws {
    let hub = FoxgloveHub(version: "1", now: 5)
    hub.advertise([.transforms, .log])
    let channel = NIOAsyncTestingChannel()
    let client = hub.join(channel, scopes: [.poses])
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
}

import Admission
import Authorisation
import BridgeProtocol
import Sensing
import Spatial
import Synchronization
import Testing
import TrackingPipeline

@testable import Bridge

/// The bounded queues between threads, and what the distributor puts into those of clients.
struct ServerQueueTests {
  @Test func theMailboxRefusesRequestsOfClientsWhenItIsFull() throws {
    let mailbox = try DeviceMailbox()
    for _ in 0..<DeviceMailbox.requestLimit { #expect(mailbox.offer { _ in }) }
    #expect(!mailbox.offer { _ in })
    // The bridge's own commands are always taken.
    mailbox.post { _ in }
    #expect(mailbox.takeAll().count == DeviceMailbox.requestLimit + 1)
    #expect(mailbox.takeAll().isEmpty && mailbox.offer { _ in })
  }

  @Test func theInboxDropsTheNewestEventsAndCountsThem() throws {
    let inbox = try ServerInbox()
    for index in 0..<5000 {
      inbox.announce(DeviceEvent(.recentered, time: Timestamp(nanoseconds: Int64(index))))
    }
    inbox.reply(ServerFrame(), to: 3)
    let contents = inbox.takeAll()
    #expect(contents.events.count == 4096 && contents.events.last?.time.nanoseconds == 4095)
    #expect(inbox.dropped == 5000 - 4096)
    #expect(contents.replies.map(\.token) == [3] && inbox.takeAll().events.isEmpty)
  }

  /// A flood of connections reads the tables of users once a second; new rules hold at once.
  @Test func scopesOfAUserAreKeptForASecond() throws {
    let reads = Mutex(0)
    let lookup = ScopeLookup(.standard) { rules, user, group in
      reads.withLock { $0 += 1 }
      return rules.scopes(user: user, group: group)
    }
    for index in 0..<100 {
      #expect(lookup.scopes(user: 4242, group: 1, now: Int64(index)) == [.poses, .controls])
    }
    #expect(reads.withLock { $0 } == 1)
    _ = lookup.scopes(user: 4242, group: 1, now: ScopeLookup.validity)
    #expect(reads.withLock { $0 } == 2)
    _ = lookup.scopes(user: 4242, group: 2, now: ScopeLookup.validity)
    #expect(reads.withLock { $0 } == 3)
    var configuration = Configuration()
    try configuration.apply(text: "access: { poses: { everyone: false } }", file: "c")
    lookup.update(configuration.access.value)
    #expect(lookup.scopes(user: 4242, group: 1, now: ScopeLookup.validity) == [.controls])
    #expect(reads.withLock { $0 } == 4)
    // The table is bounded.
    for user in 0..<UInt32(2 * ScopeLookup.capacity) {
      _ = lookup.scopes(user: 5000 + user, group: 1, now: 0)
    }
    #expect(lookup.count <= ScopeLookup.capacity)
  }

  /// Heaps are walked only after memory grew, and while they hold memory to return.
  @Test func memoryIsReturnedWhenItIsWorthwhile() {
    typealias Resident = MemoryService.Resident
    var policy = MemoryService.Policy()
    let (base, step) = (20 << 20, MemoryService.Policy.worthwhile)
    let start = Resident(anonymous: base, mapped: 2 * base)
    #expect(!policy.heapsAreDue(start, free: step) && policy.heapsAreDue(start, free: step + 1))
    #expect(policy.codeIsDue(start))
    policy.returned(heaps: true, code: false, start)
    #expect(policy.codeIsDue(start) && !policy.heapsAreDue(start, free: 10 * step))
    policy.returned(heaps: false, code: true, start)
    #expect(!policy.codeIsDue(start) && !policy.codeIsDue(Resident(mapped: 2 * base + step)))
    #expect(policy.codeIsDue(Resident(mapped: 2 * base + step + 1)))
    #expect(!policy.heapsAreDue(Resident(anonymous: base + step), free: 10 * step))
    #expect(policy.heapsAreDue(Resident(anonymous: base + step + 1), free: 10 * step))
    let now = Resident.current
    #expect(now.anonymous > 1 << 20 && now.mapped > 1 << 20)
  }

  @Test func aHandedOverValueIsTakenOnce() {
    let handOver = HandOver([1, 2, 3])
    #expect(handOver.take() == [1, 2, 3] && handOver.take() == nil)
  }

  private func client(_ streams: [Vrbridge_V1_Stream], roles: [DeviceRole] = []) -> ClientConnection {
    let client = ClientConnection(
      fileDescriptor: -1, token: 1, user: 0, process: 0,
      rights: Rights(.user(0), scopes: Set(Scope.allCases)), now: 0)
    client.subscriptions = [
      ClientConnection.Subscription(
        id: 1, streams: Set(streams.map(\.rawValue)), devices: [], roles: Set(roles.map(\.rawValue)),
        interval: 0, isLatestOnly: false, depth: 8)
    ]
    return client
  }

  @Test func eventsReachTheSubscriptionsThatWantThem() {
    let events = EventRing<TrackingEvent>(capacity: 8)
    var distributor = EventDistributor(
      events: events, latency: LatencyHistogram(), onControl: { _ in }, onDeviceEvent: { _ in })
    let (all, head, controls) = (client([.poses]), client([.poses], roles: [.head]), client([.controls]))
    events.push(TrackingEvent(.pose, device: DeviceID(1), role: .head))
    events.push(TrackingEvent(.pose, device: DeviceID(2), role: .leftHand))
    events.push(TrackingEvent(.control, device: DeviceID(2), role: .leftHand))
    distributor.distributeEvents(to: [all, head, controls])
    #expect(all.subscriptions[0].poses.map(\.device) == [1, 2])
    #expect(head.subscriptions[0].poses.map(\.device) == [1])
    #expect(controls.subscriptions[0].controls.map(\.device) == [2])
    #expect(controls.subscriptions[0].poses.isEmpty)
    // Losses of the ring are losses of every queue of poses.
    for _ in 0..<20 { events.push(TrackingEvent(.pose, device: DeviceID(1), role: .head)) }
    distributor.distributeEvents(to: [all, controls])
    #expect(all.subscriptions[0].droppedPoses >= 12 && controls.subscriptions[0].droppedPoses == 0)
  }
}

import Foundation
import Glibc
import Testing

@testable import Admission

struct AdmissionTests {
  @Test func onePrincipalLeavesRoomForOthers() throws {
    let control = AdmissionControl(
      AdmissionControl.Limits(total: 8, perPrincipal: 3, reserved: 2), owners: [0], remedy: "close one")
    var held: [AdmissionControl.Ticket] = []
    for _ in 0..<3 { held.append(try control.admit(.user(1000))) }
    let error = #expect(throws: AdmissionError.self) { try control.admit(.user(1000)) }
    #expect(error?.code == "too-many-clients" && error?.description.contains("3 connections") == true)
    for _ in 0..<3 { held.append(try control.admit(.machine([10, 0, 0, 1]))) }
    // The last two are the owners'.
    #expect(throws: AdmissionError.self) { try control.admit(.user(1001)) }
    for _ in 0..<2 { held.append(try control.admit(.user(0))) }
    #expect(throws: AdmissionError.self) { try control.admit(.user(0)) }
    #expect(control.count == 8)
    held[0].release()
    held[0].release()
    #expect(control.count == 7)
    held = []
    #expect(control.count == 0)
  }

  @Test func listenersShareTheDescriptorsOfTheProcess() throws {
    let budget = ConnectionBudget(capacity: 8)
    let controls = (0..<2).map { _ in
      AdmissionControl(AdmissionControl.Limits(total: 100), owners: [0], remedy: "close one", budget: budget)
    }
    var held = try (0..<7).map { try controls[$0 % 2].admit(.user(UInt32(1000 + $0))) }
    #expect(throws: AdmissionError.self) { try controls[0].admit(.user(1)) }
    held.append(try controls[1].admit(.user(0)))
    #expect(throws: AdmissionError.self) { try controls[0].admit(.user(0)) }
    held = []
    #expect(throws: Never.self) { try controls[0].admit(.user(1)) }
  }

  @Test func bytesAreGivenBackWithTheirShare() {
    let budget = ByteBudget(total: 100, perPrincipal: 60)
    var first: ByteBudget.Share? = budget.share(of: .user(1))
    #expect(first?.take(60) == true && first?.take(1) == false)
    let second = budget.share(of: .user(2))
    #expect(second.take(40) && !second.take(1) && budget.used == 100)
    first = nil
    #expect(budget.used == 40 && second.take(20) && !second.take(1))
  }

  @Test func ownersKeepAShareOfTheBytes() {
    let budget = ByteBudget(total: 100, perPrincipal: 60, reserved: 25, owners: [0])
    let (first, second, owner) = (
      budget.share(of: .user(1)), budget.share(of: .unknown), budget.share(of: .user(0))
    )
    #expect(first.take(60) && !second.take(16) && second.take(15) && !second.take(1))
    #expect(owner.take(25) && !owner.take(1) && budget.used == 100)
  }

  @Test func ratesOfOneDoNotCountForAnother() {
    let limit = RateLimit(5)
    let now = ContinuousClock.now
    #expect((0..<10).count { _ in limit.admits(.user(1), at: now) } == 5)
    #expect(limit.admits(.user(2), at: now))
    #expect(limit.admits(.user(1), at: now + .milliseconds(250)))
    // A flood of machines is remembered within bounds, and shares what is left.
    for index in 0..<5000 {
      _ = limit.admits(.machine([UInt8(index >> 8), UInt8(index & 0xff)]), at: now + .milliseconds(300))
    }
    #expect(!limit.admits(.machine([255, 255, 255]), at: now + .milliseconds(300)))
  }

  @Test func logLinesAreLimitedAndCounted() {
    let limit = LogLimit()
    let now = ContinuousClock.now
    #expect(limit.permit(at: now) == 0)
    for _ in 0..<100 { #expect(limit.permit(at: now + .milliseconds(500)) == nil) }
    #expect(limit.permit(at: now + .milliseconds(1100)) == 100)
  }

  /// The reserve accepts a connection although no descriptor is left, and the client reads the answer.
  @Test func aConnectionIsAnsweredWithoutDescriptors() throws {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
    defer { close(listener) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    func with(_ body: (UnsafeMutablePointer<sockaddr>) -> Int32) -> Int32 {
      withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0) }
      }
    }
    try #require(with { bind(listener, $0, length) } == 0 && listen(listener, 8) == 0)
    try #require(with { getsockname(listener, $0, &length) } == 0)
    let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(client) }
    try #require(with { connect(client, $0, length) } == 0)
    send(client, "GET / HTTP/1.1\r\n\r\n", 18, Int32(MSG_NOSIGNAL))
    let reserve = DescriptorReserve()
    #expect(reserve.refuse(listener, answer: Array("full".utf8)) == 1)
    var bytes = [UInt8](repeating: 0, count: 16)
    let count = recv(client, &bytes, bytes.count, 0)
    #expect(String(decoding: bytes.prefix(max(0, count)), as: UTF8.self) == "full")
    #expect(reserve.refuse(listener, answer: []) == 0)
  }
}

import Foundation
import Testing

@testable import FoxgloveServer

struct FoxgloveMessageTests {
  @Test func framesHaveTheProtocolsLayout() {
    #expect(
      FoxgloveMessage.data(subscription: 0x0102_0304, time: 5, [9, 8]) == [
        1, 4, 3, 2, 1, 5, 0, 0, 0, 0, 0, 0, 0, 9, 8,
      ])
    #expect(FoxgloveMessage.time(-1) == [2, 0, 0, 0, 0, 0, 0, 0, 0])
  }

  @Test func arbitraryBytesAreRejectedOrDecoded() {
    var generator = SystemRandomNumberGenerator()
    let valid = Array("{\"op\":\"subscribe\",\"subscriptions\":[{\"id\":1,\"channelId\":2}]}".utf8)
    for _ in 0..<5000 {
      var bytes = valid
      for _ in 0..<Int.random(in: 0...6, using: &generator) {
        bytes[Int.random(in: 0..<bytes.count, using: &generator)] = .random(in: 0...255, using: &generator)
      }
      _ = FoxgloveMessage.Request(Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &generator))))
    }
    guard case .subscribe(let list) = FoxgloveMessage.Request(valid) else {
      Issue.record("a valid message was rejected")
      return
    }
    #expect(list.first?.id == 1 && list.first?.channelId == 2)
    #expect(
      FoxgloveMessage.Request(Array("{\"op\":\"subscribe\",\"subscriptions\":[{\"id\":-1}]}".utf8)) == nil)
  }
}

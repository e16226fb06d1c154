import Sensing
import Synchronization
import Testing

@testable import Assistant

struct PushToTalkTests {
  @Test func onlyChangesOfTheConfiguredControlAreReported() {
    let address = PushToTalk.Address(device: DeviceID(3), index: 2)
    let other = PushToTalk.Address(device: DeviceID(3), index: 1)
    let searched = Mutex<[String]>([])
    let button = PushToTalk(path: "right_hand/input/a/click") { role, control in
      searched.withLock { $0.append(role + control) }
      return address
    }
    #expect(button.take(other, value: 1) == nil)
    #expect(button.take(address, value: 1) == true)
    #expect(button.take(address, value: 0.9) == nil)
    #expect(button.take(address, value: 0) == false)
    // The search locks the device registry: once a second is enough.
    #expect(searched.withLock { $0 } == ["right_hand/input/a/click"])
  }
}

import Admission
import Authorisation
import Foundation
import LiveState
import NIOCore
import Sensing
import Spatial
import TestSupport
import Testing

@testable import Dashboard

struct LiveStreamTests {
  private func bridge() -> FakeBridgeState {
    FakeBridgeState { contents in
      var head = DeviceStatus(id: DeviceID(1), family: "test", name: "Headset", role: .head)
      head.isConnected = true
      contents.devices = [head]
      contents.states[head.id] = TrackedState(captured: contents.now, received: contents.now)
      contents.modelActivity = [ModelActivity(name: "hands", version: "1", runs: 3)]
      contents.problem = "the tracking loop has stopped"
    }
  }

  private func annotation(_ kind: Annotation.Kind) -> Annotation {
    Annotation(
      id: 1, kind: kind, label: kind.name, confidence: 1,
      source: Annotation.Source(model: "", version: "", digest: ""), captured: Timestamp(nanoseconds: 1),
      published: Timestamp(nanoseconds: 2))
  }

  /// Reads the greeting and one line with slow values.
  private func keys(_ scopes: Set<Scope>, _ bridge: FakeBridgeState) async throws -> [String: Any] {
    let stream = LiveStream(
      state: bridge, rights: Rights(.user(7), scopes: scopes), version: "1.2", cameras: LatestFrameCache(),
      isStopping: { false },
      onEnd: {})
    let hello = String(buffer: try #require(await stream.next()))
    #expect(hello.contains("\"version\":\"1.2\"") && hello.contains("\"time\":1000000000"), "\(hello)")
    bridge.channels.annotations.publish([annotation(.text), annotation(.transcript)])
    bridge.channels.log.append("device opened", level: "info")
    let line = try #require(await stream.next())
    return try #require(
      try JSONSerialization.jsonObject(with: Data(line.readableBytesView)) as? [String: Any])
  }

  @Test func aLineHoldsWhatTheScopesPermit() async throws {
    let all = try await keys(Set(Scope.allCases), bridge())
    #expect(
      Set(all.keys) == [
        "time", "poses", "annotations", "devices", "figures", "recording", "models", "cameras", "log",
        "problem",
      ])
    #expect(
      (all["annotations"] as? [Any])?.count == 2
        && all["problem"] as? String == "the tracking loop has stopped")
    let few = try await keys([.poses], bridge())
    #expect(Set(few.keys) == ["time", "poses", "devices", "figures", "recording", "models", "problem"])
    let camera = try await keys([.camera], bridge())
    #expect((camera["annotations"] as? [[String: Any]])?.map { $0["label"] as? String } == ["text"])
    #expect(camera["poses"] == nil && camera["devices"] == nil && camera["log"] == nil)
  }

  @Test func theStreamEndsWithTheBridge() async throws {
    let ended = Ended()
    do {
      let stream = LiveStream(
        state: bridge(), rights: Rights(.user(7), scopes: []), version: "1", cameras: LatestFrameCache(),
        isStopping: { true },
        onEnd: { ended.set() })
      #expect(await stream.next() != nil)
      #expect(await stream.next() == nil)
    }
    #expect(ended.isSet)
  }
}

import Cameras
import Spatial
import TestSupport
import Testing

@testable import Dashboard

struct LatestFrameCacheTests {
  private func frame(_ camera: String, _ time: Int64) -> CameraFrame {
    CameraFrame(
      camera: camera, pixels: PixelData(format: .grey, width: 2, height: 2, stride: 2, bytes: [1, 2, 3, 4]),
      captured: Timestamp(nanoseconds: time), received: Timestamp(nanoseconds: time))
  }

  @Test func aRequestWaitsForALaterFrame() async throws {
    let bridge = FakeBridgeState()
    let cache = LatestFrameCache()
    let task = Task { await cache.run(bridge) }
    while bridge.feedCount == 0 { await Task.yield() }
    bridge.put(frame("left", 10))
    #expect(await cache.frame(of: "left", after: 0)?.captured.nanoseconds == 10)
    async let later = cache.frame(of: "left", after: 10)
    bridge.put(frame("right", 15))
    bridge.put(frame("left", 20))
    #expect(await later?.captured.nanoseconds == 20)
    #expect(cache.names == ["left", "right"])
    task.cancel()
    await task.value
    #expect(bridge.feedCount == 0)
  }
}

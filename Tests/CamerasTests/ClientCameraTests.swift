import Admission
import Testing

@testable import Cameras

/// Names of cameras that clients choose.
struct ClientCameraTests {
  private static let second: Int64 = 1_000_000_000
  private var cameras = ClientCameras()

  /// - Parameter time: in seconds.
  private mutating func submit(
    _ camera: String, by user: UInt32, at time: Int64 = 0, _ intrinsics: [Double]? = nil
  ) -> Bool {
    cameras.submit(intrinsics, of: camera, by: .user(user), at: time * Self.second)
  }

  @Test mutating func oneClientLeavesRoomForOthers() {
    var count = 0
    while count < 100, submit("a\(count)", by: 1) { count += 1 }
    #expect(count == ClientCameras.maximumOfClient)
    let ofAnother = submit("b", by: 2, [1, 2, 3, 4])
    // A name in use needs no room.
    let again = submit("a0", by: 1)
    #expect(ofAnother && again && cameras.intrinsics(of: "b") == [1, 2, 3, 4])
    for number in 0..<100 { _ = submit("c\(number)", by: UInt32(3 + number)) }
    #expect(cameras.names.count == ClientCameras.maximum)
  }

  @Test mutating func idleNamesAreFreed() {
    for number in 0..<ClientCameras.maximumOfClient { _ = submit("a\(number)", by: 1) }
    #expect(cameras.names.count == ClientCameras.maximumOfClient)
    let used = submit("a0", by: 1, at: 59, [1, 2, 3, 4])
    let early = submit("new", by: 1, at: 59)
    let late = submit("new", by: 1, at: 60)
    #expect(used && !early && late)
    // A camera that sends frames keeps its name and calibration.
    #expect(cameras.names == ["a0", "new"] && cameras.intrinsics(of: "a0") == [1, 2, 3, 4])
  }

  @Test func tablesKeepTheMostRecentCameras() {
    var table = CameraTable<Int>()
    let gone = (0..<CameraTable<Int>.maximum).compactMap { table.set($0, of: "c\($0)") }
    #expect(gone.isEmpty)
    table["c0"] = 100
    let oldest = table.set(7, of: "new")
    #expect(oldest == 1 && table["c0"] == 100 && table["c1"] == nil && table["new"] == 7)
    #expect(table.names.count == CameraTable<Int>.maximum)
    table["new"] = nil
    #expect(table.all.count == CameraTable<Int>.maximum - 1)
  }
}

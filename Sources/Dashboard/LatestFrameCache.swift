import Cameras
import LiveState
import Spatial
import Synchronization

/// The latest frame of each camera, for pages that request images at their own rate. Policy: `latestOnly`.
final class LatestFrameCache: Sendable {
  private struct State {
    var frames = CameraTable<CameraFrame>()
    var waiting: [Int: CheckedContinuation<Void, Never>] = [:]
    var next = 0

    func frame(of camera: String, after time: Int64) -> CameraFrame? {
      frames[camera].flatMap { $0.captured.nanoseconds > time ? $0 : nil }
    }
  }
  private let state = Mutex(State())

  var names: [String] { state.withLock { $0.frames.names } }

  /// Reads frames until the cameras end or the task is cancelled.
  func run(_ state: any BridgeState) async {
    let feed = state.frames()
    await withTaskCancellationHandler {
      while let frame = await feed.next() {
        let waiting = self.state.withLock { state in
          state.frames[frame.camera] = frame
          defer { state.waiting = [:] }
          return state.waiting.values
        }
        for continuation in waiting { continuation.resume() }
      }
    } onCancel: {
      state.unsubscribe(feed)
    }
    let waiting = self.state.withLock { state in
      defer { state.waiting = [:] }
      return state.waiting.values
    }
    for continuation in waiting { continuation.resume() }
  }

  /// Returns a frame captured later than a time in ns; nil when none arrives within two seconds.
  func frame(of camera: String, after time: Int64) async -> CameraFrame? {
    let end = ContinuousClock.now + .seconds(2)
    while ContinuousClock.now < end, !Task.isCancelled {
      if let frame = state.withLock({ $0.frame(of: camera, after: time) }) { return frame }
      await waitForFrame(of: camera, after: time, until: end)
    }
    return nil
  }

  /// Returns when any frame arrives, at once when the frame is here already, and at the end.
  private func waitForFrame(of camera: String, after time: Int64, until end: ContinuousClock.Instant) async {
    let number = state.withLock { state in
      defer { state.next += 1 }
      return state.next
    }
    let timeout = Task {
      try? await Task.sleep(until: end)
      wake(number)
    }
    await withCheckedContinuation { continuation in
      // After the end no timeout would resume it; a frame since the last look resumed nobody.
      let isWaiting = state.withLock { state in
        guard ContinuousClock.now < end, state.frame(of: camera, after: time) == nil else { return false }
        state.waiting[number] = continuation
        return true
      }
      if !isWaiting { continuation.resume() }
    }
    timeout.cancel()
  }

  private func wake(_ number: Int) {
    state.withLock { $0.waiting.removeValue(forKey: number) }?.resume()
  }
}

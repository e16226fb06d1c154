import Bridge
import Cameras
import Spatial
import Synchronization

/// The newest frame of each camera, for pages that ask for pictures at their own pace.
final class NewestFrames: Sendable {
  private struct State {
    var frames: [String: CameraFrame] = [:]
    var waiting: [Int: CheckedContinuation<Void, Never>] = [:]
    var next = 0
  }
  private let state = Mutex(State())

  var names: [String] { state.withLock { $0.frames.keys.sorted() } }

  /// Reads frames until the cameras end.
  func run(_ source: LiveSource) async {
    let feed = source.frames()
    await withTaskCancellationHandler {
      while let frame = await feed.next() {
        let waiting = state.withLock { state in
          state.frames[frame.camera] = frame
          defer { state.waiting = [:] }
          return state.waiting.values
        }
        for continuation in waiting { continuation.resume() }
      }
    } onCancel: {
      source.unsubscribe(feed)
    }
    let waiting = state.withLock { state in
      defer { state.waiting = [:] }
      return state.waiting.values
    }
    for continuation in waiting { continuation.resume() }
  }

  /// A frame that was captured later than the given time; nil when none came in two seconds.
  func frame(of camera: String, after time: Int64) async -> CameraFrame? {
    let end = ContinuousClock.now + .seconds(2)
    while ContinuousClock.now < end, !Task.isCancelled {
      if let frame = state.withLock({ $0.frames[camera] }), frame.captured.nanoseconds > time { return frame }
      await nextFrame(until: end)
    }
    return nil
  }

  private func nextFrame(until end: ContinuousClock.Instant) async {
    let number = state.withLock { state in
      defer { state.next += 1 }
      return state.next
    }
    let alarm = Task {
      try? await Task.sleep(until: end)
      wake(number)
    }
    await withCheckedContinuation { continuation in
      // After the end nobody would wake it.
      let isLate = ContinuousClock.now >= end
      if isLate { continuation.resume() } else { state.withLock { $0.waiting[number] = continuation } }
    }
    alarm.cancel()
  }

  private func wake(_ number: Int) {
    state.withLock { $0.waiting.removeValue(forKey: number) }?.resume()
  }
}

import Synchronization

/// Frames on their way to one reader. Policy: `latestOnly` for each camera: what is newest waits, the rest is dropped and
/// counted, so a slow reader sees the world as it is.
public final class FrameFeed: Sendable {
  private struct State {
    /// The camera that has waited longest is first.
    var waiting: [CameraFrame] = []
    var reader: CheckedContinuation<CameraFrame?, Never>?
    var isClosed = false
    var dropped: UInt64 = 0
  }
  private let state = Mutex(State())
  private static let maximumCameras = 16

  public init() {}

  public var dropped: UInt64 { state.withLock { $0.dropped } }

  /// Never waits.
  public func put(_ frame: CameraFrame) {
    let reader = state.withLock { state -> CheckedContinuation<CameraFrame?, Never>? in
      guard !state.isClosed else { return nil }
      if let reader = state.reader {
        state.reader = nil
        return reader
      }
      if let place = state.waiting.firstIndex(where: { $0.camera == frame.camera }) {
        state.waiting[place] = frame
        state.dropped += 1
      } else {
        // Clients name cameras as they like.
        if state.waiting.count >= Self.maximumCameras {
          state.waiting.removeFirst()
          state.dropped += 1
        }
        state.waiting.append(frame)
      }
      return nil
    }
    reader?.resume(returning: frame)
  }

  /// The next frame; one reader at a time.
  ///
  /// - Returns: nil when the feed was closed.
  public func next() async -> CameraFrame? {
    await withCheckedContinuation { continuation in
      enum Step { case frame(CameraFrame?), wait }
      let step = state.withLock { state -> Step in
        if !state.waiting.isEmpty { return .frame(state.waiting.removeFirst()) }
        guard !state.isClosed, state.reader == nil else { return .frame(nil) }
        state.reader = continuation
        return .wait
      }
      if case .frame(let frame) = step { continuation.resume(returning: frame) }
    }
  }

  public func close() {
    let reader = state.withLock { state -> CheckedContinuation<CameraFrame?, Never>? in
      state.isClosed = true
      state.waiting = []
      defer { state.reader = nil }
      return state.reader
    }
    reader?.resume(returning: nil)
  }
}

import Synchronization

/// A queue of frames to one reader.
///
/// Policy: `latestOnly` for each camera. Older frames are dropped and counted, so a slow reader receives current frames.
public final class FrameFeed: Sendable {
  private struct State {
    /// In order of arrival.
    var waiting: [CameraFrame] = []
    var reader: CheckedContinuation<CameraFrame?, Never>?
    var isClosed = false
    var dropped: UInt64 = 0
  }
  private let state = Mutex(State())
  private static let maximumCameras = 16

  public init() {}

  public var dropped: UInt64 { state.withLock { $0.dropped } }

  /// Adds a frame. Never blocks.
  public func put(_ frame: CameraFrame) {
    let reader = state.withLock { state -> CheckedContinuation<CameraFrame?, Never>? in
      guard !state.isClosed else { return nil }
      if let reader = state.reader {
        state.reader = nil
        return reader
      }
      if let index = state.waiting.firstIndex(where: { $0.camera == frame.camera }) {
        state.waiting[index] = frame
        state.dropped += 1
      } else {
        // Clients choose the names of cameras.
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

  /// The next frame. Supports one reader at a time.
  ///
  /// - Returns: nil when the feed is closed.
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

import Foundation
import Sensing
import SessionLog
import Spatial
import Synchronization

/// What goes into a session beside the tracking thread's records.
public enum SideRecord: Sendable {
  /// A frame as the camera gave it: jpeg, png, …
  case image(Data, format: String, camera: String, captured: Timestamp, received: Timestamp)
  /// How a camera sees.
  case lens(CameraModel, camera: String, at: Timestamp)
  /// Signed 16-bit little-endian samples, channels interleaved.
  case audio(
    Data, sampleRate: UInt32, channels: UInt32, microphone: String, captured: Timestamp, received: Timestamp)
  case imageAnnotations(Foxglove_ImageAnnotations, camera: String, at: Timestamp)
  case scene(Foxglove_SceneUpdate, at: Timestamp)
  /// What was heard, wanted and answered.
  case speech(Foxglove_SceneUpdate, at: Timestamp)
  /// What was sent to a language model.
  case prompt(String, at: Timestamp)
  /// A report that was written to a device.
  case written([UInt8], device: DeviceID, part: Int, isOutput: Bool, at: Timestamp)
  case transition(DeviceState, reason: String, device: DeviceID, at: Timestamp)
  case log(String, level: Foxglove_Log.Level, name: String, at: Timestamp)

  var stream: RecordedStream {
    switch self {
    case .image, .lens: .camera
    case .audio, .speech, .prompt: .microphone
    case .imageAnnotations, .scene: .annotations
    case .log: .log
    case .written, .transition: .reports
    }
  }

  /// Bytes, roughly.
  var weight: Int {
    switch self {
    case .image(let data, _, _, _, _), .audio(let data, _, _, _, _, _): data.count + 64
    case .lens, .imageAnnotations, .scene, .speech: 1024
    case .prompt(let text, _): text.utf8.count + 64
    case .log(let text, _, _, _): text.utf8.count + 64
    case .written(let report, _, _, _, _): report.count + 64
    case .transition(_, let reason, _, _): reason.utf8.count + 64
    }
  }
}

/// A queue of them. Policy: `dropNewest` past a bound of bytes, with a count.
final class SideQueue: Sendable {
  private struct State {
    var records: [SideRecord] = []
    var bytes = 0
    var dropped: UInt64 = 0
  }
  private let state = Mutex(State())
  private let limit: Int

  init(limit: Int) { self.limit = limit }

  func push(_ record: SideRecord) {
    state.withLock { state in
      guard state.bytes + record.weight <= limit else {
        state.dropped += 1
        return
      }
      state.bytes += record.weight
      state.records.append(record)
    }
  }

  func takeAll() -> [SideRecord] {
    state.withLock { state in
      defer {
        state.records = []
        state.bytes = 0
      }
      return state.records
    }
  }

  var bytes: Int { state.withLock { $0.bytes } }
  var dropped: UInt64 { state.withLock { $0.dropped } }
}

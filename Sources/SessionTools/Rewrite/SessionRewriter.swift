import Foundation
import MCAP
import Sensing
import SessionLog
import Spatial
import SwiftProtobuf
import Tracking
import TrackingPipeline

/// Computes a session's states with other filter settings, and writes the session with them instead of the recorded
/// ones.
public struct SessionRewriter {
  public struct Result: Sendable {
    public var states: UInt64 = 0
    public var messages: UInt64 = 0
    /// Errors while reading the session.
    public var faults: [String] = []
  }

  private let input: InputFile

  public init(path: String) throws { input = try InputFile(path: path) }

  public func run(settings: EstimatorSettings, output: String) throws -> Result {
    var result = Result()
    let computed = ComputedStates()
    let engine = ReplayEngine(settings: settings) { opening in
      let pipeline = ReplayEngine.bare(opening)
      pipeline?.tap = computed
      return pipeline
    }
    let copy = try SessionCopy(to: output, note: "computed with other filter settings")
    var newest: [UInt32: TrackedState] = [:]
    try copy.run(input) { topic, message in
      switch topic {
      case .report(let device, let part, _):
        guard let report = WireFormat.report(message.data) else { return .drop }
        if computed.isNewer(report.received) { computed.clear() }
        computed.begin(report.received)
        engine.process(device: device, part: Int(part), report)
        return .keep
      case .events:
        guard var event = try? Vrbridge_Session_Event(serializedBytes: Array(message.data)) else {
          return .drop
        }
        _ = try engine.apply(event)
        switch event.event {
        case .partOpened(var opened):
          opened.use(settings)
          event.partOpened = opened
        case .snapshot(var snapshot):
          // Another estimator has another state.
          guard let pipeline = engine.pipelines[snapshot.deviceID] else { return .keep }
          snapshot.words = Data(pipeline.snapshot.bytes)
          event.snapshot = snapshot
        default: return .keep
        }
        return .replace(try event.serializedBytes())
      case .state(let device):
        // A report leads to the same number of states with any filter.
        guard let state = computed.take(device) else { return .drop }
        let bytes = Array(state)
        newest[device] = bytes.withUnsafeBytes { SessionReader.state($0) }
        result.states += 1
        return .replace(bytes)
      case .pose(let device):
        guard let state = newest[device] else { return .drop }
        return .replace(try SessionWriter.pose(state).serializedBytes())
      case .transforms:
        guard let old = try? Foxglove_FrameTransform(serializedBytes: Array(message.data)),
          let device = UInt32(old.childFrameID.dropFirst("device-".count)), let state = newest[device]
        else { return .drop }
        return .replace(try SessionWriter.transform(state, device: device).serializedBytes())
      default: return .keep
      }
    } attachment: {
      try engine.take($0)
      return true
    }
    result.messages = copy.messageCount
    result.faults = copy.faults.map(\.description)
    return result
  }
}

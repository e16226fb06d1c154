import Cryptography
import Foundation
import MCAP
import Sensing
import SessionLog
import Spatial
import Tracking
import TrackingPipeline

/// Computes all states of a session again and compares them with the recorded ones.
public struct SessionVerifier {
  public struct Result: Sendable {
    public var reports: UInt64 = 0
    /// Computed states, and recorded states that were compared with them.
    public var states: UInt64 = 0
    public var compared: UInt64 = 0
    /// Records that the recording lost.
    public var lost: UInt64 = 0
    /// Seconds from the first report to the last.
    public var duration = 0.0
    /// SHA-256 of all computed states, hexadecimal.
    public var digest = ""
    /// The first difference, with its position in the file; nil when all states are equal.
    public var difference: String?
    /// Errors while reading the file.
    public var faults: [String] = []
    /// Whether the file has its end mark.
    public var isComplete = false
  }

  /// Collects states in the order of computation.
  final class Collector: PipelineTap {
    /// Of the last report: device numbers, and the concatenated bytes of their states.
    private(set) var devices: [UInt32] = []
    private var bytes: [UInt8] = []
    private let hash = SHA256()
    private var pending: [UInt8] = []
    private(set) var count: UInt64 = 0

    func state(_ state: TrackedState, device: DeviceID) {
      let start = bytes.count
      bytes.append(contentsOf: repeatElement(0, count: WireFormat.stateLength))
      bytes.withUnsafeMutableBytes {
        WireFormat.write(state, into: UnsafeMutableRawBufferPointer(rebasing: $0[start...]))
      }
      devices.append(device.number)
      count += 1
      withUnsafeBytes(of: device.number.littleEndian) { pending.append(contentsOf: $0) }
      pending.append(contentsOf: bytes[start...])
      if pending.count > 1 << 16 { flush() }
    }

    private func flush() {
      hash.update(pending)
      pending.removeAll(keepingCapacity: true)
    }

    /// Discards the states of the last report.
    func clear() {
      devices.removeAll(keepingCapacity: true)
      bytes.removeAll(keepingCapacity: true)
    }

    /// Returns the bytes of one state of the last report.
    func bytes(_ index: Int) -> ArraySlice<UInt8> {
      bytes[(index * WireFormat.stateLength)..<((index + 1) * WireFormat.stateLength)]
    }

    func isEqual(_ index: Int, _ other: UnsafeRawBufferPointer) -> Bool {
      guard other.count == WireFormat.stateLength, let base = other.baseAddress else { return false }
      return bytes.withUnsafeBytes { mine in
        guard let own = mine.baseAddress else { return false }
        return memcmp(own + index * other.count, base, other.count) == 0
      }
    }

    var digest: String {
      flush()
      return hash.finalize().map { byte in
        let text = String(byte, radix: 16)
        return byte < 16 ? "0" + text : text
      }.joined()
    }

  }

  private let reader: SessionReader

  public init(path: String) throws { reader = try SessionReader(path: path) }
  public init(_ input: InputFile) { reader = SessionReader(input) }

  /// - Parameters:
  ///   - settings: the orientation estimator and its settings; nil for the recorded ones.
  ///   - compares: whether to compare with the recorded states.
  ///   - onState: receives each computed state.
  public func run(
    settings: EstimatorSettings? = nil, compares: Bool = true,
    onState: ((_ device: UInt32, _ state: TrackedState) -> Void)? = nil
  ) throws -> Result {
    var result = Result()
    let collector = Collector()
    let engine = ReplayEngine(settings: settings) { opening in
      let pipeline = ReplayEngine.bare(opening)
      pipeline?.tap = collector
      return pipeline
    }
    var (first, last): (Timestamp?, Timestamp?) = (nil, nil)
    var next = 0
    /// Notes a state of the last report that the file does not hold.
    func missing(_ location: SessionReader.Location?) {
      guard compares, result.compared > 0, next < collector.devices.count, result.difference == nil else {
        return
      }
      result.difference =
        "device \(collector.devices[next]): a computed state is missing in the recording"
        + (location.map { ", before \($0)" } ?? "")
    }
    let contents = try reader.read(
      wanted: { topic in
        switch topic {
        case .report, .events: true
        case .state: compares
        default: false
        }
      }, attachment: { try engine.take($0) }
    ) { record, location in
      switch record {
      case .report(let device, let part, let report):
        missing(location)
        collector.clear()
        next = 0
        engine.process(device: device, part: part, report)
        result.reports += 1
        first = first ?? report.received
        last = report.received
        if let onState {
          for (index, device) in collector.devices.enumerated() {
            if let state = collector.bytes(index).withUnsafeBytes({ SessionReader.state($0) }) {
              onState(device, state)
            }
          }
        }
      case .event(let event):
        missing(location)
        collector.clear()
        next = 0
        _ = try engine.apply(event)
      case .state(let device, let recorded):
        result.compared += 1
        guard next < collector.devices.count else {
          result.difference =
            "device \(device): a recorded state was not computed, at \(location)"
          return .stop
        }
        defer { next += 1 }
        guard collector.devices[next] == device, collector.isEqual(next, recorded) else {
          result.difference = Self.describe(
            device, (collector.devices[next], Array(collector.bytes(next))), recorded, location)
          return .stop
        }
      case .groundTruth, .image, .cameraCalibration, .cameraMount, .audio, .other: break
      }
      return result.difference == nil ? .goOn : .stop
    }
    result.isComplete = contents.isComplete
    // A truncated file may lack the states of its last report.
    if contents.isComplete { missing(nil) }
    result.faults = contents.faults.map(\.description)
    result.states = collector.count
    result.lost = engine.lostRecords
    if let first, let last { result.duration = last.seconds(since: first) }
    result.digest = collector.digest
    return result
  }

  private static func describe(
    _ device: UInt32, _ computed: (device: UInt32, bytes: [UInt8]), _ recorded: UnsafeRawBufferPointer,
    _ location: SessionReader.Location
  ) -> String {
    guard computed.device == device else {
      return
        "a recorded state is of device \(device), the computed one of device \(computed.device), at \(location)"
    }
    guard let old = SessionReader.state(recorded),
      let new = computed.bytes.withUnsafeBytes({ SessionReader.state($0) })
    else { return "device \(device): a recorded state can't be read, at \(location)" }
    let fields: [(String, (TrackedState) -> [Double])] = [
      ("captured", { [Double($0.captured.nanoseconds)] }),
      ("received", { [Double($0.received.nanoseconds)] }),
      ("orientation", { state in (0..<4).map { state.worldFromDevice.orientation.components[$0] } }),
      ("position", { state in (0..<3).map { state.worldFromDevice.position[$0] } }),
      ("angular velocity", { state in (0..<3).map { state.angularVelocity[$0] } }),
      ("linear velocity", { state in (0..<3).map { state.linearVelocity[$0] } }),
      (
        "predicted angular velocities",
        { state in (0..<12).map { state.predictedAngularVelocities[$0 / 3][$0 % 3] } }
      ),
      ("uncertainty", { [$0.uncertainty.inclination, $0.uncertainty.heading, $0.uncertainty.position] }),
      ("flags", { [Double($0.flags.rawValue)] }),
    ]
    for (name, values) in fields {
      let (a, b) = (values(old), values(new))
      if a.map(\.bitPattern) != b.map(\.bitPattern) {
        return "device \(device): \(name) is \(b) and was recorded as \(a), at \(location)"
      }
    }
    return "device \(device): a state differs, at \(location)"
  }
}

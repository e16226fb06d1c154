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

    public var verdict: Verdict {
      if let difference, faults.isEmpty { return .different(difference) }
      if reports == 0 {
        return .unverified(
          faults.isEmpty ? "the file holds no reports of devices there" : "no report of a device can be read")
      }
      if states == 0 { return .unverified("the reports lead to no states") }
      if compared == 0 {
        return .unverified(
          "the session holds no states to compare with; record it with --streams reports,states")
      }
      if let difference {
        return .unverified(
          "the session is damaged, and reports that can't be read change the states after them; the first: \(difference)"
        )
      }
      if !faults.isEmpty || !isComplete {
        return .unverified(
          "only a part of the session can be read: \(compared) states are equal; 'vrbridge recover' writes that part"
        )
      }
      return .equal
    }
  }

  /// The result of comparing a session with its computation.
  public enum Verdict: Sendable, Equatable {
    /// All recorded states were compared and are equal.
    case equal
    /// The first difference.
    case different(String)
    /// Why the session, or a part of it, could not be compared.
    case unverified(String)
  }

  private let reader: SessionReader

  public init(path: String) throws { reader = try SessionReader(path: path) }
  public init(_ input: InputFile) { reader = SessionReader(input) }

  /// - Parameters:
  ///   - settings: the orientation estimator and its settings; nil for the recorded ones.
  ///   - compares: whether to compare with the recorded states.
  ///   - range: seconds after the first report. Reports before are computed, but neither counted nor compared.
  ///   - onState: receives each computed state.
  public func run(
    settings: EstimatorSettings? = nil, compares: Bool = true, range: ClosedRange<Double>? = nil,
    onState: ((_ device: UInt32, _ state: TrackedState) -> Void)? = nil
  ) throws -> Result {
    var result = Result()
    let computed = ComputedStates()
    let engine = ReplayEngine(settings: settings) { opening in
      let pipeline = ReplayEngine.bare(opening)
      pipeline?.tap = computed
      return pipeline
    }
    var start: Timestamp?
    var (first, last): (Timestamp?, Timestamp?) = (nil, nil)
    var isEnded = false
    /// Notes a computed state that the file does not hold.
    func missing(_ location: SessionReader.Location?) {
      guard compares, computed.isCounting, result.compared > 0, result.difference == nil,
        let device = computed.firstDevice
      else { return }
      result.difference =
        "device \(device): a computed state is missing in the recording"
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
        if computed.isNewer(report.received) {
          missing(location)
          computed.clear()
        }
        let passed = report.received.seconds(since: start ?? report.received)
        start = start ?? report.received
        if let range {
          isEnded = passed > range.upperBound
          if isEnded { return .stop }
          computed.isCounting = passed >= range.lowerBound
        }
        computed.begin(report.received)
        engine.process(device: device, part: part, report)
        guard computed.isCounting else { break }
        result.reports += 1
        first = first ?? report.received
        last = report.received
        if let onState { computed.forEachOfReport(onState) }
      case .event(let event):
        missing(location)
        computed.clear()
        _ = try engine.apply(event)
      case .state(let device, let recorded):
        guard let state = computed.take(device) else {
          if computed.isCounting {
            result.difference = "device \(device): a recorded state was not computed, at \(location)"
          }
          break
        }
        guard computed.isCounting else { break }
        result.compared += 1
        if !Self.isEqual(state, recorded) {
          result.difference = Self.describe(device, Array(state), recorded, location)
        }
      case .groundTruth, .image, .cameraCalibration, .cameraMount, .audio, .other: break
      }
      return result.difference == nil ? .goOn : .stop
    }
    result.isComplete = contents.isComplete || isEnded
    // A truncated file may lack the states of its last report.
    if contents.isComplete { missing(nil) }
    result.faults = contents.faults.map(\.description)
    result.states = computed.count
    result.lost = engine.lostRecords
    if let first, let last { result.duration = last.seconds(since: first) }
    result.digest = computed.digest
    return result
  }

  private static func isEqual(_ computed: ArraySlice<UInt8>, _ recorded: UnsafeRawBufferPointer) -> Bool {
    computed.withUnsafeBytes { own in
      guard own.count == recorded.count, let a = own.baseAddress, let b = recorded.baseAddress else {
        return false
      }
      return memcmp(a, b, own.count) == 0
    }
  }

  private static func describe(
    _ device: UInt32, _ computed: [UInt8], _ recorded: UnsafeRawBufferPointer,
    _ location: SessionReader.Location
  ) -> String {
    guard let old = SessionReader.state(recorded),
      let new = computed.withUnsafeBytes({ SessionReader.state($0) })
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

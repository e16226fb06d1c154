import Foundation
import MCAP
import Sensing
import Spatial
import SessionLog

/// Differences between the states of two sessions, device by device.
public struct SessionComparison: Sendable {
  public struct Spread: Sendable {
    public var rms = 0.0
    public var p99 = 0.0
    public var max = 0.0

    init(_ values: [Double]) {
      guard !values.isEmpty else { return }
      let sorted = values.sorted()
      rms = (sorted.reduce(0) { $0 + $1 * $1 } / Double(sorted.count)).squareRoot()
      p99 = sorted[min(sorted.count - 1, Int((Double(sorted.count) * 0.99).rounded(.up)) - 1)]
      max = sorted[sorted.count - 1]
    }
  }

  public struct Device: Sendable {
    public var number: UInt32
    /// States of each session, and those of equal capture times.
    public var first = 0
    public var second = 0
    public var common = 0
    /// Whether all states are common and their poses are equal, bit for bit.
    public var isEqual = false
    /// Degrees: the full angle, and that of the inclination alone.
    public var orientation = Spread([])
    public var inclination = Spread([])
    /// Millimetres.
    public var position = Spread([])
    /// Milliseconds from capture to arrival.
    public var firstLatency = Spread([])
    public var secondLatency = Spread([])
    /// Seconds and degrees, for a plot.
    public var curve: [(time: Double, angle: Double)] = []
  }

  public var devices: [Device] = []
  /// Records that each recording lost.
  public var firstLost: UInt64 = 0
  public var secondLost: UInt64 = 0

  /// Errors while reading each session.
  public var firstFaults: [String] = []
  public var secondFaults: [String] = []

  /// The number of states of equal device and capture time.
  public var common: Int { devices.reduce(0) { $0 + $1.common } }
  /// Whether both sessions have the same devices, states and poses.
  public var isEqual: Bool { devices.allSatisfy(\.isEqual) }

  private struct Sample {
    var captured: Int64
    var latency: Float
    var orientation: Quaternion
    var position: Vector3
  }

  public init(_ first: String, _ second: String) throws {
    let (a, lostA, faultsA) = try Self.load(first)
    let (b, lostB, faultsB) = try Self.load(second)
    (firstLost, secondLost) = (lostA, lostB)
    (firstFaults, secondFaults) = (faultsA, faultsB)
    for number in Set(a.keys).union(b.keys).sorted() {
      devices.append(Self.compare(number, a[number] ?? [], b[number] ?? []))
    }
  }

  private static func load(_ path: String) throws -> ([UInt32: [Sample]], UInt64, [String]) {
    var result: [UInt32: [Sample]] = [:]
    var lost: UInt64 = 0
    let contents = try SessionReader(path: path).read(
      wanted: { topic in
        switch topic {
        case .state, .events: true
        default: false
        }
      }
    ) { record, _ in
      switch record {
      case .state(let device, let bytes):
        guard let state = SessionReader.state(bytes) else { return .goOn }
        result[device, default: []].append(
          Sample(
            captured: state.captured.nanoseconds,
            latency: Float(state.received.seconds(since: state.captured)),
            orientation: state.worldFromDevice.orientation,
            position: state.worldFromDevice.position))
      case .event(let event): if case .loss(let loss) = event.event { lost += loss.records }
      default: break
      }
      return .goOn
    }
    return (result, lost, contents.faults.map(\.description))
  }

  private static func compare(_ number: UInt32, _ a: [Sample], _ b: [Sample]) -> Device {
    var device = Device(number: number)
    (device.first, device.second) = (a.count, b.count)
    var (angles, tilts, distances): ([Double], [Double], [Double]) = ([], [], [])
    var (j, isEqual) = (0, a.count == b.count)
    let up = Vector3(0, 1, 0)
    let stride = max(1, a.count / 4000)
    for (i, sample) in a.enumerated() {
      while j < b.count, b[j].captured < sample.captured { j += 1 }
      guard j < b.count, b[j].captured == sample.captured else { continue }
      let other = b[j]
      // Several states of a device may have one capture time.
      j += 1
      let (p, q) = (sample.orientation, other.orientation)
      if p != q || sample.position != other.position { isEqual = false }
      let degrees = 180 / Double.pi
      // Rounding would give equal orientations a tiny angle.
      let angle = p == q ? 0 : (p * q.conjugate).rotationVector.length * degrees
      angles.append(angle)
      let (u, v) = (p.conjugate.rotate(up), q.conjugate.rotate(up))
      tilts.append(p == q ? 0 : atan2(u.cross(v).length, u.dot(v)) * degrees)
      distances.append((sample.position - other.position).length * 1000)
      if i % stride == 0 {
        let start = Timestamp(nanoseconds: a.first?.captured ?? 0)
        device.curve.append((Timestamp(nanoseconds: sample.captured).seconds(since: start), angle))
      }
    }
    device.common = angles.count
    device.isEqual = isEqual && angles.count == a.count
    device.orientation = Spread(angles)
    device.inclination = Spread(tilts)
    device.position = Spread(distances)
    device.firstLatency = Spread(a.map { Double($0.latency) * 1000 })
    device.secondLatency = Spread(b.map { Double($0.latency) * 1000 })
    return device
  }
}

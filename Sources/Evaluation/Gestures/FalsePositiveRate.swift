import Foundation
import MCAP
import Perception
import Sensing
import SessionLog
import Spatial

/// Counts how often ordinary motion is recognised as a gesture.
package struct FalsePositiveRate {
  private let model: GestureModel

  /// Positions per second that the bridge examines.
  private static let rate = 100.0
  /// A longer gap (s) is a loss of tracking, not time in which a gesture could be recognised.
  private static let longestGap = 0.3

  package struct Count {
    package var seconds = 0.0
    package var movements = 0
    /// Gesture → number of false recognitions.
    package var recognised: [String: Int] = [:]

    package var perMinute: Double { Double(recognised.values.reduce(0, +)) / seconds * 60 }
  }

  package init(model: GestureModel) { self.model = model }

  /// Counts over a session (positions of its controllers and trackers) or a folder of BROAD's trials.
  package func count(_ path: String) throws -> Count {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw EvaluationError("file-missing", "\(path) is not there")
    }
    let count = isFolder.boolValue ? try trials(path) : try session(path)
    guard count.seconds > 0 else { throw EvaluationError("no-positions", "\(path) holds no positions") }
    return count
  }

  private func add(_ positions: [(time: Timestamp, position: Vector3)], to count: inout Count) {
    var spotter = GestureSpotter()
    var last: Timestamp?
    for (time, position) in positions {
      if let last {
        let step = time.seconds(since: last)
        // At the bridge's rate: it leaves out what arrives in between.
        guard step >= 0.999 / Self.rate else { continue }
        if step < Self.longestGap { count.seconds += step }
      }
      last = time
      guard let movement = spotter.add(position, at: time, head: nil) else { continue }
      count.movements += 1
      if let match = model.recognise(movement.trace) { count.recognised[match.name, default: 0] += 1 }
    }
  }

  private func trials(_ folder: String) throws -> Count {
    var count = Count()
    for trial in try OpticalTrial.read(folder: folder) {
      add(
        trial.position.enumerated().compactMap { row, position in
          // Earth's axes have Z up.
          position.map {
            (Timestamp(nanoseconds: Int64(Double(row) * trial.period * 1e9)), Vector3($0.x, $0.z, -$0.y))
          }
        }, to: &count)
    }
    return count
  }

  private func session(_ path: String) throws -> Count {
    var positions: [UInt32: [(time: Timestamp, position: Vector3)]] = [:]
    try SessionReader(path: path).read { record, _ in
      if case .state(let device, let bytes) = record, let state = SessionReader.state(bytes) {
        positions[UInt32(device), default: []].append((state.captured, state.worldFromDevice.position))
      }
      return .goOn
    }
    var count = Count()
    for device in positions.keys.sorted() { add(positions[device] ?? [], to: &count) }
    return count
  }
}

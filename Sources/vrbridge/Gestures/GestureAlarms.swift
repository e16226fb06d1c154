import Evaluation
import Foundation
import MCAP
import Perception
import Sensing
import SessionLog
import Spatial

/// How often motion that means nothing is taken for a gesture.
struct GestureAlarms {
  var model: GestureModel

  /// Places a second that a bridge looks at.
  private static let rate = 100.0

  struct Count {
    var seconds = 0.0
    var movements = 0
    var taken: [String: Int] = [:]
  }

  /// - Parameter path: a session (its controllers' and trackers' places), or a folder of BROAD's trials.
  func report(_ path: String) throws {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw Failure("\(path) is not there")
    }
    let count = isFolder.boolValue ? try trials(path) : try session(path)
    guard count.seconds > 0 else { throw Failure("\(path) holds no places") }
    let alarms = count.taken.values.reduce(0, +)
    print(
      String(
        format: "%.1f minutes, %d movements, %d taken for a gesture: %.2f a minute", count.seconds / 60,
        count.movements, alarms, Double(alarms) / count.seconds * 60))
    for (name, number) in count.taken.sorted(by: { ($0.value, $1.key) > ($1.value, $0.key) }) {
      print("  " + Terminal.pad(name, 26) + "\(number)")
    }
  }

  private func look(_ places: [(time: Timestamp, place: Vector3)], _ count: inout Count) {
    var spotter = GestureSpotter()
    var last: Timestamp?
    for (time, place) in places {
      if let last {
        let step = time.seconds(since: last)
        // A bridge looks so often; what comes in between is not seen.
        guard step >= 0.999 / Self.rate else { continue }
        if step < 0.3 { count.seconds += step }
      }
      last = time
      guard let movement = spotter.add(place, at: time, head: nil) else { continue }
      count.movements += 1
      if let match = model.recognise(movement.trace) { count.taken[match.name, default: 0] += 1 }
    }
  }

  private func trials(_ folder: String) throws -> Count {
    var count = Count()
    for trial in try OpticalTrial.read(folder: folder) {
      look(
        trial.position.enumerated().compactMap { row, place in
          // Earth's axes have Z up.
          place.map {
            (Timestamp(nanoseconds: Int64(Double(row) * trial.period * 1e9)), Vector3($0.x, $0.z, -$0.y))
          }
        }, &count)
    }
    return count
  }

  private func session(_ path: String) throws -> Count {
    var places: [UInt32: [(time: Timestamp, place: Vector3)]] = [:]
    try SessionReader(path: path).read { record, _ in
      if case .state(let device, let bytes) = record, let state = SessionReader.state(bytes) {
        places[UInt32(device), default: []].append((state.captured, state.worldFromDevice.position))
      }
      return .goOn
    }
    var count = Count()
    for device in places.keys.sorted() { look(places[device] ?? [], &count) }
    return count
  }
}

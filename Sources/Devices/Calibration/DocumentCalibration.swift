import Foundation
import Sensing
import Spatial

/// Factory calibration in a JSON text that the device keeps: where its numbers stand and what they mean.
public struct DocumentCalibration: Sendable {
  /// When the offset is taken off.
  public enum Order: String, Sendable, CaseIterable {
    /// matrix · (reading − offset)
    case offsetFirst = "offset_first"
    /// matrix · reading − offset
    case offsetLast = "offset_last"
    /// matrix · reading + offset
    case offsetAdded = "offset_added"
  }

  /// Paths to the numbers of one sensor in the document; see `DocumentPath`.
  public struct Sensor: Sendable {
    /// Nine numbers, row by row.
    public var matrix: DocumentPath?
    /// Only each n-th number of matrix and offset counts: those between are for temperature.
    public var every = 1
    /// Three numbers.
    public var scale: DocumentPath?
    public var offset: DocumentPath?
    /// A quaternion x, y, z, w that turns the readings first, in the device's axes.
    public var rotation: DocumentPath?
    public var order = Order.offsetFirst
  }

  /// The data that holds the document.
  public var data: String
  public var gyroscope: Sensor
  public var accelerometer: Sensor
  /// The axes in which the document's numbers are, from the device's.
  public var axes: AxisTurn
  /// Sixteen numbers, row by row: from the unit's frame to the device's, metres.
  public var placement: DocumentPath?

  /// - Parameter axes: the turn from the device's axes to OpenXR's.
  func calibration(_ text: [UInt8], axes turn: AxisTurn) throws(ConfigurationError) -> InertialCalibration {
    // Devices fill up what they keep with zeros, or what was there before.
    guard let first = text.firstIndex(of: UInt8(ascii: "{")),
      let last = text.lastIndex(of: UInt8(ascii: "}")),
      first < last,
      let root = try? JSONSerialization.jsonObject(with: Data(text[first...last])) as? [String: Any]
    else { throw ConfigurationError("the stored calibration is not a JSON object") }
    var pose = Pose.identity
    if let placement {
      let n = try placement.numbers(in: root, count: 16)
      let place = Vector3(n[3], n[7], n[11])
      guard
        let rotation = Matrix3(
          Vector3(n[0], n[1], n[2]), Vector3(n[4], n[5], n[6]), Vector3(n[8], n[9], n[10])
        ).rotation, place.isFinite, place.length < 0.5, let unitFromSample = turn.matrix.transposed.rotation
      else { throw ConfigurationError("'\(placement)' is not a pose of the IMU in the device") }
      pose = Pose(position: place, orientation: rotation) * Pose(orientation: unitFromSample)
    }
    return InertialCalibration(
      gyroscope: try correction(gyroscope, root, maximumOffset: 2).turned(by: turn.matrix),
      accelerometer: try correction(accelerometer, root, maximumOffset: 20).turned(by: turn.matrix),
      deviceFromUnit: pose, source: .factory)
  }

  /// In the device's axes.
  private func correction(
    _ sensor: Sensor, _ root: [String: Any], maximumOffset: Double
  ) throws(ConfigurationError) -> AffineCorrection {
    var matrix = Matrix3.identity
    if let path = sensor.matrix {
      let n = try path.numbers(in: root, count: 9, every: sensor.every)
      matrix = Matrix3(Vector3(n[0], n[1], n[2]), Vector3(n[3], n[4], n[5]), Vector3(n[6], n[7], n[8]))
    }
    if let path = sensor.scale { matrix = .diagonal(try path.vector(in: root)) * matrix }
    var offset = Vector3.zero
    if let path = sensor.offset { offset = try path.vector(in: root, every: sensor.every) }
    let turn = axes.matrix
    if let path = sensor.rotation {
      let n = try path.numbers(in: root, count: 4)
      let rotation = Quaternion(x: n[0], y: n[1], z: n[2], w: n[3])
      guard abs((rotation.components * rotation.components).sum() - 1) < 0.01 else {
        throw ConfigurationError("'\(path)' is not a rotation")
      }
      matrix = matrix * turn * Matrix3(rotating: rotation.normalized) * turn.transposed
    }
    // A damaged document must not turn into a pose: no maker ships a sensor that is off by this much.
    guard matrix.isPlausibleCorrection, offset.isFinite, offset.length < maximumOffset else {
      throw ConfigurationError("it holds values that no sensor has")
    }
    switch sensor.order {
    case .offsetFirst: offset = matrix * offset
    case .offsetLast: break
    case .offsetAdded: offset = -offset
    }
    let back = turn.transposed
    return AffineCorrection(matrix: back * matrix * turn, offset: back * offset)
  }
}

extension Matrix3 {
  /// Whether a sensor can need this correction: gains of 0.7 to 1.4, and axes that are nearly at right angles.
  var isPlausibleCorrection: Bool {
    let lengths = Vector3(row0.length, row1.length, row2.length)
    guard lengths.isBetween(0.7, 1.4) else { return false }
    let cosines = Vector3(
      row0.dot(row1) / (lengths.x * lengths.y), row1.dot(row2) / (lengths.y * lengths.z),
      row2.dot(row0) / (lengths.z * lengths.x))
    return cosines.isBetween(-0.3, 0.3)
  }
}

/// A place in a JSON document: member names with dots between; `[Key=Value]` takes the element of a list whose member
/// `Key` is `Value`, `[9:12]` at the end the tenth to twelfth number.
public struct DocumentPath: Sendable, CustomStringConvertible {
  struct Step: Sendable {
    var name: String
    var filter: (key: String, value: String)?
  }
  let steps: [Step]
  private let slice: Range<Int>?
  public let description: String

  /// - Returns: nil for text that is not a path.
  init?(_ text: String) {
    var steps: [Step] = []
    var path = text[...]
    // Swift's regular expressions are compiled at each use: with them, paths took a sixth of the start.
    if let (begin, from, to) = Self.slice(atEndOf: path) {
      guard from < to else { return nil }
      slice = from..<to
      path = path[..<begin]
    } else {
      slice = nil
    }
    for word in path.split(separator: ".", omittingEmptySubsequences: false) {
      guard let step = Self.step(word) else { return nil }
      steps.append(step)
    }
    guard !steps.isEmpty else { return nil }
    self.steps = steps
    description = text
  }

  /// Reads `[FROM:TO]`, of one to three digits each.
  private static func slice(atEndOf text: Substring) -> (begin: Substring.Index, from: Int, to: Int)? {
    guard text.last == "]", let begin = text.lastIndex(of: "[") else { return nil }
    let numbers = text[text.index(after: begin)...].dropLast().split(
      separator: ":", omittingEmptySubsequences: false)
    func number(_ digits: Substring) -> Int? {
      (1...3).contains(digits.count) && digits.allSatisfy { ("0"..."9").contains($0) } ? Int(digits) : nil
    }
    guard numbers.count == 2, let from = number(numbers[0]), let to = number(numbers[1]) else { return nil }
    return (begin, from, to)
  }

  /// Reads `NAME` or `NAME[KEY=VALUE]`.
  private static func step(_ word: Substring) -> Step? {
    func isName(_ text: Substring) -> Bool { !text.isEmpty && !text.contains { "[]=".contains($0) } }
    guard let open = word.firstIndex(of: "[") else { return isName(word) ? Step(name: String(word)) : nil }
    guard word.last == "]", isName(word[..<open]) else { return nil }
    let pair = word[word.index(after: open)...].dropLast().split(
      separator: "=", omittingEmptySubsequences: false)
    guard pair.count == 2, pair.allSatisfy(isName) else { return nil }
    return Step(name: String(word[..<open]), filter: (String(pair[0]), String(pair[1])))
  }

  private func value(in root: [String: Any]) -> Any? {
    var current: Any? = root
    for step in steps {
      current = (current as? [String: Any])?[step.name]
      if let filter = step.filter {
        current = (current as? [Any])?.first {
          ($0 as? [String: Any])?[filter.key] as? String == filter.value
        }
      }
    }
    return current
  }

  /// - Parameter every: takes each n-th of n times as many numbers.
  func numbers(in root: [String: Any], count: Int, every: Int = 1) throws(ConfigurationError) -> [Double] {
    var all = (value(in: root) as? [Any] ?? []).compactMap { ($0 as? NSNumber)?.doubleValue }
    if let slice, slice.upperBound <= all.count { all = Array(all[slice]) }
    guard all.count == count * every, all.allSatisfy(\.isFinite) else {
      throw ConfigurationError("'\(self)' is not \(count * every) numbers")
    }
    return stride(from: 0, to: all.count, by: every).map { all[$0] }
  }

  func vector(in root: [String: Any], every: Int = 1) throws(ConfigurationError) -> Vector3 {
    let n = try numbers(in: root, count: 3, every: every)
    return Vector3(n[0], n[1], n[2])
  }
}

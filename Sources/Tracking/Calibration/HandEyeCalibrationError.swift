import Diagnostics

/// Why the rotations of body and device give no alignment.
public enum HandEyeCalibrationError: CodedError, Equatable {
  /// Tracker and device measured fewer rotations than the alignment needs.
  case tooFewTurns(Int)
  /// All rotations were about one axis.
  case oneAxis
  /// The rotations of body and device differ: root mean squares of the residual and of the rotation, rad.
  case doNotMatch(residual: Double, turn: Double)

  public var code: String {
    switch self {
    case .tooFewTurns: "alignment-turns-too-few"
    case .oneAxis: "alignment-one-axis"
    case .doNotMatch: "alignment-mismatch"
    }
  }

  public var description: String {
    func degrees(_ angle: Double) -> Double { (angle * 1800 / .pi).rounded() / 10 }
    return switch self {
    case .tooFewTurns(let count):
      "only \(count) of \(HandEyeCalibration.neededTurns) needed turns were detected; turn the device more, or take longer"
    case .oneAxis: "the device was turned about one axis only; turn it about the others too"
    case .doNotMatch(let residual, let turn):
      "the rotations of tracker and device do not match (\(degrees(residual))° remain of \(degrees(turn))°); check that the tracker follows this device"
    }
  }
}

import Diagnostics

/// Why a calibration session gives no calibration.
public enum CalibrationError: CodedError {
  /// The session has too few rests in different attitudes, or a side never pointed up.
  case tooFewPoses(have: Int, missing: [String])
  /// The rests do not determine the named sensor's numbers.
  case undetermined(String)
  /// The new calibration is not better than the active one.
  case notBetter(CalibrationFit.Quality)

  public var code: String {
    switch self {
    case .tooFewPoses: "calibration-poses-too-few"
    case .undetermined: "calibration-undetermined"
    case .notBetter: "calibration-not-better"
    }
  }

  private func rounded(_ value: Double) -> Double { (value * 1e5).rounded() / 1e5 }

  public var description: String {
    switch self {
    case .tooFewPoses(let have, let missing):
      "\(have) different poses are too few: \(CalibrationSession.wantedPoses) are needed"
        + (missing.isEmpty ? "" : ", and \(missing.joined(separator: ", ")) never pointed up")
    case .undetermined(let sensor):
      "the poses do not determine the \(sensor); turn the device about all its axes"
    case .notBetter(let quality):
      "the new calibration is not better than the active one (resting force \(rounded(quality.forceBefore)) → \(rounded(quality.forceAfter)) m/s², turns \(rounded(quality.turnBefore * 180 / .pi)) → \(rounded(quality.turnAfter * 180 / .pi))°); the active one stays"
    }
  }
}

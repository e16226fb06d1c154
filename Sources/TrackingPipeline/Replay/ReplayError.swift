import Diagnostics

/// Why a session can't be replayed.
public struct ReplayError: CodedError {
  public enum Cause: String, Sendable, CaseIterable {
    /// A device description in the session can't be parsed.
    case invalidDescription = "session-description-invalid"
    /// An event refers to a description that the session does not hold.
    case missingDescription = "session-description-missing"
    /// The record of an opened interface is inconsistent, or its part can't be opened.
    case invalidOpening = "session-opening-invalid"
    /// A recorded pose measurement lacks numbers.
    case invalidMeasurement = "session-measurement-invalid"
    /// A snapshot of a device's tracking does not fit the device.
    case invalidSnapshot = "session-snapshot-invalid"
    /// The session names an orientation estimator that this vrbridge does not have.
    case unknownEstimator = "session-estimator-unknown"
    /// The session is shorter than the time at which its replay is to begin.
    case beyondEnd = "session-too-short"
    /// Another version of vrbridge recorded the snapshots.
    case snapshotVersion = "session-snapshot-version"
  }

  public let cause: Cause
  public let description: String
  public var code: String { cause.rawValue }

  init(_ cause: Cause, _ description: String) {
    self.cause = cause
    self.description = description
  }
}

import Devices
public import Diagnostics

/// A recording to be played as a device: `FILE[,speed=N|max][,config=BLOB][,serial=S][,loop][,wait]`.
public struct RecordedSource: Sendable, Equatable, CustomStringConvertible {
  public var file: String
  public var pace = RecordedPlayer.Pace.times(1)
  /// Lighthouse configuration blob or its JSON, for recordings that do not hold the device's.
  public var configuration: String?
  public var serial: String?
  public var loops = false
  /// Starts when the first client subscribes.
  public var waits = false
  public let description: String

  public init(_ text: String) throws(RecordedSourceError) {
    description = text
    let fields = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    guard let file = fields.first, !file.isEmpty else {
      throw RecordedSourceError(
        description:
          "a recording needs a file name: recorded:FILE[,speed=N|max][,config=BLOB][,serial=S][,loop][,wait]")
    }
    self.file = file
    for field in fields.dropFirst() {
      let parts = field.split(separator: "=", maxSplits: 1).map(String.init)
      switch (parts.first ?? "", parts.count > 1 ? parts[1] : nil) {
      case ("speed", "max"): pace = .asFastAsPossible
      case ("speed", let value?):
        guard let speed = Double(value), speed >= 0.01, speed <= 1000 else {
          throw RecordedSourceError(
            description: "speed=\(value) is not usable; allowed: max, or 0.01 to 1000")
        }
        pace = .times(speed)
      case ("config", let value?): configuration = value
      case ("serial", let value?): serial = value
      case ("loop", nil): loops = true
      case ("wait", nil): waits = true
      default:
        throw RecordedSourceError(
          description:
            "'\(field)' is not known here; allowed: speed=N, speed=max, config=BLOB, serial=S, loop, wait")
      }
    }
  }
}

/// A recorded source that is not understood.
public struct RecordedSourceError: CodedError {
  public var description: String
  public var code: String { "recorded-source-invalid" }
}

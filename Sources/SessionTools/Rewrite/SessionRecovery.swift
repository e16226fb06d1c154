import MCAP
import SessionLog

/// Writes a complete file from a truncated or damaged one.
public struct SessionRecovery {
  public struct Result: Sendable {
    public var messages: UInt64 = 0
    public var faults: [String] = []
    /// Whether the file was complete and undamaged.
    public var wasWhole = false
  }

  public static func run(path: String, output: String) throws -> Result {
    let input = try InputFile(path: path)
    let copy = try SessionCopy(to: output, note: "recovered")
    try copy.run(input) { _, _ in
      .keep
    } finally: { copy in
      var values = ["messages": String(copy.messageCount), "faults": String(copy.faults.count)]
      for (index, fault) in copy.faults.prefix(100).enumerated() {
        values["fault \(index + 1)"] = fault.description
      }
      return [MCAPMetadata(name: "recovery", values: values)]
    }
    return Result(
      messages: copy.messageCount, faults: copy.faults.map(\.description),
      wasWhole: copy.isComplete && copy.faults.isEmpty)
  }
}

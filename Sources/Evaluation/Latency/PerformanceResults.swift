import Foundation
import Glibc

/// The results of one run of the performance suite, with the commit, the date and the machine that they are of.
package struct PerformanceResults: Codable, Sendable {
  /// Of the measured program; "unknown" when it was not named.
  package var commit: String
  /// YYYY-MM-DD.
  package var date: String
  package var machine: String
  /// Values by name; the end of a name is its unit: `_us`, `_ms`, `_mb`, `_percent`, or nothing for a count or ratio.
  package var values: [String: Double] = [:]

  package init(commit: String) {
    self.commit = commit
    date = String(Date().ISO8601Format().prefix(10))
    var system = utsname()
    uname(&system)
    let release = withUnsafeBytes(of: system.release) {
      String(decoding: $0.prefix { $0 != 0 && $0 != UInt8(ascii: "-") }, as: UTF8.self)
    }
    machine = "\(ProcessInfo.processInfo.activeProcessorCount) processors, Linux \(release)"
  }

  /// - Throws: `EvaluationError` for a file that cannot be read or is no record of results.
  package init(file: String) throws {
    do {
      self = try JSONDecoder().decode(Self.self, from: Data(contentsOf: URL(fileURLWithPath: file)))
    } catch {
      throw EvaluationError(
        "results-unreadable", "\(file) holds no results of a run; write it with 'performance --write'")
    }
  }

  package func write(to file: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    var rounded = self
    rounded.values = values.mapValues { ($0 * 100).rounded() / 100 }
    try (try encoder.encode(rounded) + Data("\n".utf8)).write(to: URL(fileURLWithPath: file))
  }

  /// Lines about values that differ by more than half from those that are stated, and about values that are not stated.
  package func deviations(from stated: PerformanceResults) -> [String] {
    let source = "stated for commit \(stated.commit) of \(stated.date)"
    var lines: [String] = []
    for (name, value) in values.sorted(by: { $0.key < $1.key }) {
      guard let expected = stated.values[name] else {
        lines.append("\(name) is \(Self.text(value)), and not stated")
        continue
      }
      guard abs(value - expected) > abs(expected) / 2 else { continue }
      lines.append("\(name) is \(Self.text(value)), \(Self.text(expected)) \(source)")
    }
    for name in stated.values.keys.sorted() where values[name] == nil {
      lines.append("\(name) was not measured; it is \(source)")
    }
    return lines
  }

  private static func text(_ value: Double) -> String { String(format: "%.4g", value) }
}

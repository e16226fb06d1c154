import TrackingPipeline

/// Metrics as OpenMetrics 1.0 text, for Prometheus and others.
///
/// No package is used: those that write the format own the counters, while the bridge's belong to the code that counts.
struct OpenMetricsText {
  enum Kind: String {
    case counter, gauge, info
  }

  private var lines: [String] = []

  static let type = "application/openmetrics-text; version=1.0.0; charset=utf-8"

  /// Adds a family with its samples, without those that are not finite.
  ///
  /// - Parameter unit: the suffix of the name, where it has one: seconds, bytes.
  mutating func add(
    _ name: String, _ kind: Kind, _ help: String, unit: String? = nil,
    _ samples: [(labels: [(String, String)], value: Double)]
  ) {
    let known = samples.filter { $0.value.isFinite }
    guard !known.isEmpty else { return }
    lines.append("# TYPE \(name) \(kind.rawValue)")
    if let unit { lines.append("# UNIT \(name) \(unit)") }
    lines.append("# HELP \(name) \(Self.escaped(help))")
    let ending = kind == .counter ? "_total" : kind == .info ? "_info" : ""
    for (labels, value) in known {
      let list = labels.map { "\($0)=\"\(Self.escaped($1))\"" }.joined(separator: ",")
      let number = value.rounded() == value && abs(value) < 1e15 ? String(Int64(value)) : String(value)
      lines.append(name + ending + (list.isEmpty ? "" : "{\(list)}") + " " + number)
    }
  }

  /// Adds a histogram: counts up to each bound, their number and their sum.
  mutating func add(
    _ name: String, _ help: String, unit: String, _ samples: [(labels: [(String, String)], LatencyHistogram)]
  ) {
    guard !samples.isEmpty else { return }
    lines += ["# TYPE \(name) histogram", "# UNIT \(name) \(unit)", "# HELP \(name) \(Self.escaped(help))"]
    for (labels, histogram) in samples {
      let (counts, sum) = histogram.cumulative
      let list = labels.map { "\($0)=\"\(Self.escaped($1))\"" }
      for (bound, count) in counts {
        let limit = "le=\"\(bound.isFinite ? String(bound) : "+Inf")\""
        lines.append("\(name)_bucket{\((list + [limit]).joined(separator: ","))} \(count)")
      }
      let all = list.isEmpty ? "" : "{\(list.joined(separator: ","))}"
      lines.append("\(name)_count\(all) \(counts.last?.count ?? 0)")
      lines.append("\(name)_sum\(all) \(sum)")
    }
  }

  var text: String { (lines + ["# EOF"]).joined(separator: "\n") + "\n" }

  private static func escaped(_ text: String) -> String {
    var result = ""
    for character in text.unicodeScalars {
      switch character {
      case "\\": result += "\\\\"
      case "\"": result += "\\\""
      case "\n": result += "\\n"
      default: result.unicodeScalars.append(character)
      }
    }
    return result
  }
}

import ArgumentParser

/// A size with an optional unit: 500M, 2G, 1048576.
struct ByteCount: ExpressibleByArgument {
  var bytes: UInt64

  init?(argument: String) {
    let units: [Character: UInt64] = ["k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40]
    let scale = argument.lowercased().last.flatMap { units[$0] }
    guard let number = Double(scale == nil ? argument : String(argument.dropLast())), number > 0,
      number < 1e15
    else { return nil }
    bytes = UInt64(min(number * Double(scale ?? 1), 1e18))
  }

  static func text(_ bytes: UInt64) -> String {
    var value = Double(bytes)
    for unit in ["B", "KiB", "MiB", "GiB"] {
      if value < 1024 { return unit == "B" ? "\(bytes) B" : "\((value * 10).rounded() / 10) \(unit)" }
      value /= 1024
    }
    return "\((value * 10).rounded() / 10) TiB"
  }
}

/// A time with an optional unit: 90, 90s, 10m, 2h.
struct Span: ExpressibleByArgument {
  var seconds: Double

  init?(argument: String) {
    let units: [Character: Double] = ["s": 1, "m": 60, "h": 3600]
    let scale = argument.lowercased().last.flatMap { units[$0] }
    guard let number = Double(scale == nil ? argument : String(argument.dropLast())), number >= 0,
      number < 1e9
    else { return nil }
    seconds = number * (scale ?? 1)
  }

  static func text(_ seconds: Double) -> String {
    let whole = Int(max(0, min(seconds, 1e9)))
    let (minutes, rest) = (whole / 60, whole % 60)
    if minutes == 0 { return "\((max(0, seconds) * 10).rounded() / 10) s" }
    return minutes < 60 ? "\(minutes) min \(rest) s" : "\(minutes / 60) h \(minutes % 60) min"
  }
}

/// The size (500M) or time (10min) after which a recording continues in a new file.
struct SplitRule: ExpressibleByArgument {
  var bytes: UInt64?
  var seconds: Double?

  init?(argument: String) {
    let text = argument.lowercased()
    if text.hasSuffix("min") {
      guard let minutes = Double(text.dropLast(3)), minutes > 0 else { return nil }
      seconds = minutes * 60
    } else if let last = text.last, last == "s" || last == "h" {
      guard let span = Span(argument: text), span.seconds > 0 else { return nil }
      seconds = span.seconds
    } else {
      guard let count = ByteCount(argument: text) else { return nil }
      bytes = count.bytes
    }
  }
}

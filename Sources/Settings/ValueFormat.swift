public import StrictYAML

/// How a value is written in the configuration: parsing, printing and the allowed values for the reference.
public struct ValueFormat<Value: Sendable>: Sendable {
  /// The allowed values with their unit, as Markdown; empty where the meaning of the key says it.
  public let allowed: String
  public let parse: @Sendable (YAMLValue) throws(DocumentError) -> Value
  /// Returns YAML on one line; nil for a value that is not printed.
  public let print: @Sendable (Value) -> String?

  public init(
    allowed: String, parse: @escaping @Sendable (YAMLValue) throws(DocumentError) -> Value,
    print: @escaping @Sendable (Value) -> String?
  ) {
    self.allowed = allowed
    self.parse = parse
    self.print = print
  }

  /// The format of an optional value: absent while nil.
  public var optional: ValueFormat<Value?> {
    let (parse, print) = (parse, print)
    return ValueFormat<Value?>(
      allowed: allowed, parse: { (value) throws(DocumentError) in try parse(value) },
      print: { $0.flatMap(print) })
  }

  /// The format of a value that is stored differently, for example in another unit.
  public func mapped<Stored: Sendable>(
    to store: @escaping @Sendable (Value) -> Stored, from load: @escaping @Sendable (Stored) -> Value
  ) -> ValueFormat<Stored> {
    let (parse, print) = (parse, print)
    return ValueFormat<Stored>(
      allowed: allowed, parse: { (value) throws(DocumentError) in store(try parse(value)) },
      print: { print(load($0)) })
  }

  /// The format with a further condition.
  ///
  /// - Parameter problem: returns what is wrong with a value; nil for a valid one.
  public func checked(_ problem: @escaping @Sendable (Value) -> String?) -> ValueFormat<Value> {
    let parse = parse
    return ValueFormat(
      allowed: allowed,
      parse: { (given) throws(DocumentError) in
        let value = try parse(given)
        if let problem = problem(value) { throw given.error(problem) }
        return value
      }, print: print)
  }
}

extension ValueFormat where Value == Bool {
  public static let boolean = ValueFormat(
    allowed: "`true`, `false`", parse: { (value) throws(DocumentError) in try value.boolean() },
    print: { String($0) })
}

extension ValueFormat where Value == Int {
  public static func integer(_ range: ClosedRange<Int>, _ unit: String = "") -> ValueFormat {
    ValueFormat(
      allowed: "\(range.lowerBound.grouped) to \(range.upperBound.grouped)"
        + (unit.isEmpty ? "" : " " + unit),
      parse: { (value) throws(DocumentError) in try value.integer(in: range) }, print: { String($0) })
  }
}

extension ValueFormat where Value == Double {
  public static func number(_ range: ClosedRange<Double>, _ unit: String = "") -> ValueFormat {
    ValueFormat(
      allowed: "\(range.lowerBound.grouped) to \(range.upperBound.grouped)"
        + (unit.isEmpty ? "" : " " + unit),
      parse: { (value) throws(DocumentError) in try value.number(in: range) }, print: { String($0) })
  }
}

extension ValueFormat where Value == String {
  public static let text = ValueFormat(
    allowed: "", parse: { (value) throws(DocumentError) in try value.string() }, print: { quotedYAML($0) })

  /// One of a list of names, printed without quotes.
  public static func names(_ names: [String]) -> ValueFormat {
    ValueFormat(
      allowed: names.map { "`\($0)`" }.joined(separator: ", "),
      parse: { (value) throws(DocumentError) in try value.choice(names.map { ($0, $0) }) }, print: { $0 })
  }
}

extension ValueFormat where Value == [String] {
  public static func texts(_ count: ClosedRange<Int> = 0...1000) -> ValueFormat {
    ValueFormat(
      allowed: "",
      parse: { (value) throws(DocumentError) in
        var list: [String] = []
        for item in try value.list(count: count) { list.append(try item.string()) }
        return list
      }, print: { "[" + $0.map(quotedYAML).joined(separator: ", ") + "]" })
  }
}

extension ValueFormat
where Value: RawRepresentable & CaseIterable & Equatable, Value.RawValue == String {
  /// One of the names of an enumeration.
  public static var choice: ValueFormat {
    choice(of: Value.allCases.map { (name: $0.rawValue, value: $0) })
  }
}

extension ValueFormat {
  /// One of a list of named values.
  public static func choice(of values: [(name: String, value: Value)]) -> ValueFormat
  where Value: Equatable {
    ValueFormat(
      allowed: values.map { "`\($0.name)`" }.joined(separator: ", "),
      parse: { (value) throws(DocumentError) in try value.choice(values) },
      print: { value in values.first { $0.value == value }?.name })
  }
}

extension Int {
  /// The number with commas between groups of three digits.
  fileprivate var grouped: String {
    var (text, result) = (String(magnitude), "")
    while text.count > 3 {
      result = "," + text.suffix(3) + result
      text.removeLast(3)
    }
    return (self < 0 ? "-" : "") + text + result
  }
}

extension Double {
  fileprivate var grouped: String {
    self == rounded() && abs(self) < 1e15 ? Int(self).grouped : String(self)
  }
}

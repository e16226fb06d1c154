import Diagnostics
import Yams

/// Parses YAML strictly: unknown and repeated keys, wrong types and values out of range are rejected with file, line and
/// column.
///
/// Yams' own decoding and swift-configuration's YAML provider ignore unknown keys and drop the position of a value, so
/// this type reads Yams' node tree, which keeps it.
public struct YAMLDocument {
  /// Bytes of a file, at most: no description or configuration comes near it.
  public static let maximumBytes = 1 << 20
  /// Values of a file, at most, after aliases are followed: nested aliases can't multiply without bound.
  static let maximumNodes = 50_000

  public let root: YAMLValue

  public init(text: String, file: String) throws(DocumentError) {
    guard text.utf8.count <= Self.maximumBytes else {
      throw DocumentError(file: file, problem: "the file is larger than \(Self.maximumBytes) bytes")
    }
    let node: Node?
    do {
      // Without rules: the kind of a value is decided by its reader, and Yams would match a regular expression for every
      // key.
      node = try Yams.compose(yaml: text, .basic)
    } catch let error as YamlError {
      throw DocumentError(file: file, yaml: error)
    } catch {
      throw DocumentError(file: file, problem: error.reason)
    }
    guard let node else {
      root = YAMLValue(node: Node.mapping(Node.Mapping([])), file: file, path: "")
      return
    }
    var budget = Self.maximumNodes
    guard Self.count(node, &budget) else {
      throw DocumentError(
        file: file, problem: "more than \(Self.maximumNodes) values once aliases are followed")
    }
    root = YAMLValue(node: node, file: file, path: "")
  }

  private static func count(_ node: Node, _ budget: inout Int) -> Bool {
    budget -= 1
    guard budget > 0 else { return false }
    switch node {
    case .scalar, .alias: return true
    case .sequence(let items):
      for item in items where !count(item, &budget) { return false }
      return true
    case .mapping(let pairs):
      for (key, value) in pairs where !count(key, &budget) || !count(value, &budget) { return false }
      return true
    }
  }
}

extension DocumentError {
  init(file: String, yaml error: YamlError) {
    switch error {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      self.init(file: file, line: mark.line, column: mark.column, problem: "not YAML: \(problem)")
    case .duplicatedKeysInMapping(let keys, let context):
      // Yams gives the position of the mapping, not of the key.
      self.init(
        file: file, line: context.mark.line, column: context.mark.column,
        problem: "the key \(keys.map { "'\($0)'" }.joined(separator: ", ")) appears twice in one mapping")
    default:
      self.init(file: file, problem: "not YAML: \(error)")
    }
  }
}

/// One value of a document with its position.
public struct YAMLValue {
  let node: Node
  public let file: String
  /// Its path in the document: `parts[0].reports[1].id`.
  public let path: String

  init(node: Node, file: String, path: String) {
    self.node = node
    self.file = file
    self.path = path
  }

  /// A value that does not stand in a file.
  ///
  /// - Parameter source: its name in errors, for example the flag `--activation`.
  public init(text: String, source: String) {
    self.init(node: .scalar(Node.Scalar(text)), file: source, path: "")
  }

  /// A list that does not stand in a file, with a source as above.
  public init(texts: [String], source: String) {
    self.init(
      node: .sequence(Node.Sequence(texts.map { .scalar(Node.Scalar($0)) })), file: source, path: "")
  }

  public var line: Int { node.mark?.line ?? 0 }
  public var column: Int { node.mark?.column ?? 0 }

  public func error(_ problem: String, allowed: String = "") -> DocumentError {
    let subject = path.isEmpty ? "" : "\(path): "
    return DocumentError(file: file, line: line, column: column, problem: subject + problem, allowed: allowed)
  }

  public var isMapping: Bool { if case .mapping = node { true } else { false } }
  public var isScalar: Bool { if case .scalar = node { true } else { false } }

  /// Returns the mapping.
  ///
  /// - Throws: `DocumentError` for another kind of value, and for a key that is not among `keys`.
  public func mapping(keys: [String]) throws(DocumentError) -> YAMLMapping {
    guard case .mapping(let pairs) = node else {
      throw error("expected a mapping (key: value)", allowed: keys.joined(separator: ", "))
    }
    var values: [String: YAMLValue] = [:]
    for (key, value) in pairs {
      let at = YAMLValue(node: key, file: file, path: path)
      guard case .scalar(let scalar) = key, keys.contains(scalar.string) else {
        let name = key.scalar?.string ?? "(not a name)"
        throw at.error("unknown key '\(name)'", allowed: keys.joined(separator: ", "))
      }
      let inner = path.isEmpty ? scalar.string : path + "." + scalar.string
      values[scalar.string] = YAMLValue(node: value, file: file, path: inner)
    }
    return YAMLMapping(value: self, values: values)
  }

  /// Returns the pairs of a mapping with any keys.
  public func pairs() throws(DocumentError) -> [(key: YAMLValue, value: YAMLValue)] {
    guard case .mapping(let pairs) = node else { throw error("expected a mapping (key: value)") }
    return pairs.map { key, value in
      (
        YAMLValue(node: key, file: file, path: path),
        YAMLValue(node: value, file: file, path: path + "." + (key.scalar?.string ?? "?"))
      )
    }
  }

  public func list(count: ClosedRange<Int> = 0...1000) throws(DocumentError) -> [YAMLValue] {
    guard case .sequence(let items) = node else { throw error("expected a list [ … ]") }
    guard count.contains(items.count) else {
      let wanted =
        count.lowerBound == count.upperBound
        ? "\(count.lowerBound)" : "\(count.lowerBound) to \(count.upperBound)"
      throw error("the list has \(items.count) entries", allowed: wanted)
    }
    return items.enumerated().map { YAMLValue(node: $1, file: file, path: "\(path)[\($0)]") }
  }

  public func string() throws(DocumentError) -> String {
    guard case .scalar(let scalar) = node else { throw error("expected text") }
    return scalar.string
  }

  /// Returns a whole number: decimal, or hexadecimal with 0x.
  public func integer(in range: ClosedRange<Int>) throws(DocumentError) -> Int {
    let allowed = "a whole number \(range.lowerBound) to \(range.upperBound)"
    let text = try string()
    let (sign, digits) = text.hasPrefix("-") ? (-1, text.dropFirst()) : (1, text[...])
    let magnitude = digits.hasPrefix("0x") ? Int(digits.dropFirst(2), radix: 16) : Int(digits)
    guard let magnitude, !digits.hasPrefix("-"), !digits.hasPrefix("+") else {
      throw error("'\(text)' is not a whole number", allowed: allowed)
    }
    let value = sign * magnitude
    guard range.contains(value) else { throw error("\(text) is out of range", allowed: allowed) }
    return value
  }

  /// Returns a finite number.
  public func number(in range: ClosedRange<Double> = -1e300...1e300) throws(DocumentError) -> Double {
    let text = try string()
    let value: Double?
    if text.hasPrefix("0x") {
      value = Int(text.dropFirst(2), radix: 16).map(Double.init)
    } else {
      value = Double(text)
    }
    guard let value, value.isFinite else { throw error("'\(text)' is not a number", allowed: "a number") }
    guard range.contains(value) else {
      throw error("\(text) is out of range", allowed: "\(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  public func boolean() throws(DocumentError) -> Bool {
    switch try string() {
    case "true": return true
    case "false": return false
    case let text: throw error("'\(text)' is neither true nor false", allowed: "true, false")
    }
  }

  /// Returns the value of one of a fixed set of names.
  public func choice<Value>(_ choices: [(name: String, value: Value)]) throws(DocumentError) -> Value {
    let text = try string()
    guard let found = choices.first(where: { $0.name == text }) else {
      throw error("'\(text)' is no known value", allowed: choices.map(\.name).joined(separator: ", "))
    }
    return found.value
  }
}

/// A mapping with known keys.
public struct YAMLMapping {
  public let value: YAMLValue
  let values: [String: YAMLValue]

  public subscript(key: String) -> YAMLValue? { values[key] }

  public func required(_ key: String) throws(DocumentError) -> YAMLValue {
    guard let found = values[key] else { throw value.error("the key '\(key)' is missing") }
    return found
  }

  public func error(_ problem: String, allowed: String = "") -> DocumentError {
    value.error(problem, allowed: allowed)
  }
}

import Foundation

/// Messages and enumerations of a .proto file.
///
/// Reads what the definitions of this package use of the language: no options, services or extensions.
struct MessageDefinitions {
  struct Field: Equatable {
    var name: String
    /// As in the file, but with the full name of a nested type.
    var type: String
    var isRepeated: Bool
  }

  struct Mismatch: Error, CustomStringConvertible { var description: String }

  /// By full name and field number.
  private(set) var messages: [String: [Int: Field]] = [:]
  private(set) var enumerations: [String: [Int: String]] = [:]

  private enum Scope {
    case message(String)
    case enumeration(String)
  }

  init(path: String) throws {
    let text = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
      .map { $0.components(separatedBy: "//")[0] }.joined(separator: " ")
    var scopes: [Scope] = []
    var statement = ""
    for character in text {
      switch character {
      case "{":
        scopes.append(open(statement.split(separator: " ").map(String.init), in: scopes.last))
        statement = ""
      case "}": scopes.removeLast()
      case ";":
        if let scope = scopes.last { add(statement, to: scope) }
        statement = ""
      default: statement.append(character)
      }
    }
    for (message, fields) in messages {
      for (number, field) in fields {
        let nested = "\(message).\(field.type)"
        if messages[nested] != nil || enumerations[nested] != nil {
          messages[message]?[number]?.type = nested
        }
      }
    }
  }

  /// The parts of a oneof are fields of the message that holds it.
  private mutating func open(_ words: [String], in outer: Scope?) -> Scope {
    guard words.count == 2, words[0] != "oneof" else { return outer ?? .message("") }
    var name = words[1]
    if case .message(let parent)? = outer { name = "\(parent).\(name)" }
    if words[0] == "enum" {
      enumerations[name] = [:]
      return .enumeration(name)
    }
    messages[name] = [:]
    return .message(name)
  }

  private mutating func add(_ statement: String, to scope: Scope) {
    let sides = statement.components(separatedBy: "[")[0].split(separator: "=")
    guard sides.count == 2, let number = Int(sides[1].trimmingCharacters(in: .whitespaces)) else { return }
    var words = sides[0].split(separator: " ").map(String.init)
    let name = words.removeLast()
    switch scope {
    case .message(let message):
      let isRepeated = words.first == "repeated"
      if isRepeated || words.first == "optional" { words.removeFirst() }
      messages[message]?[number] = Field(
        name: name, type: words.joined(separator: " "), isRepeated: isRepeated)
    case .enumeration(let enumeration): enumerations[enumeration]?[number] = name
    }
  }

  private func wireType(_ field: Field) -> Int {
    switch field.type {
    case "string", "bytes": return 2
    case "double", "fixed64", "sfixed64": return field.isRepeated ? 2 : 1
    case "float", "fixed32", "sfixed32": return field.isRepeated ? 2 : 5
    default:
      let isMessage = messages[field.type] != nil || field.type.hasPrefix("map<")
      return isMessage || field.isRepeated ? 2 : 0
    }
  }

  /// Decodes a message and those in it. Unknown fields are skipped, as a client skips them.
  ///
  /// - Parameter seen: receives `Message.field` of each field.
  /// - Throws: when a known field has another wire type.
  func check(_ bytes: [UInt8], as message: String, seen: inout Set<String>) throws {
    for (number, values) in try WireFields(bytes).values {
      guard let field = messages[message]?[number] else { continue }
      let name = "\(message).\(field.name)"
      seen.insert(name)
      for value in values {
        guard value.wireType == wireType(field) else {
          throw Mismatch(description: "\(name) has wire type \(value.wireType)")
        }
        if messages[field.type] != nil, case .bytes(let inner) = value {
          try check(inner, as: field.type, seen: &seen)
        }
      }
    }
  }
}

import Diagnostics
import Foundation

/// Prints values as JSON with keys in snake case and alphabetical order.
package enum JSONLine {
  /// Returns one line without a line feed.
  ///
  /// JSON has no NaN and no infinity: a value that may be either is an optional made with `Double.finite`.
  package static func text(_ value: some Encodable) -> String { text(value, []) }

  /// Returns several lines, indented.
  package static func pretty(_ value: some Encodable) -> String { text(value, .prettyPrinted) }

  private static func text(_ value: some Encodable, _ more: JSONEncoder.OutputFormatting) -> String {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, more]
    // A number that nobody made optional must not end a stream of lines.
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "infinity", negativeInfinity: "-infinity", nan: "nan")
    guard let data = try? encoder.encode(value) else { return "null" }
    return escaped(String(decoding: data, as: UTF8.self))
  }
}

extension JSONLine {
  /// Escapes what JSON allows within strings and a terminal obeys: C1 controls, DEL, line separators, changes of direction.
  private static func escaped(_ json: String) -> String {
    guard json.utf8.contains(where: { $0 >= 0x7F }) else { return json }
    var result = String.UnicodeScalarView()
    for scalar in json.unicodeScalars {
      if needsEscape(scalar, true) {
        for unit in String(scalar).utf16 {
          let number = String(unit, radix: 16)
          result.append(
            contentsOf: ("\\u" + String(repeating: "0", count: 4 - number.count) + number).unicodeScalars)
        }
      } else {
        result.append(scalar)
      }
    }
    return String(result)
  }
}

extension Double {
  /// The number, or nil for NaN and infinity, which JSON does not have.
  package var finite: Double? { isFinite ? self : nil }
}

/// A value whose key is written as `null` when there is none; a plain optional leaves its key out.
package struct Nullable<Value: Encodable>: Encodable {
  private let value: Value?

  package init(_ value: Value?) { self.value = value }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    if let value { try container.encode(value) } else { try container.encodeNil() }
  }
}

extension Nullable<Double> {
  /// A number that is written as `null` when it is NaN or infinite.
  package init(number: Double) { self.init(number.finite) }
}

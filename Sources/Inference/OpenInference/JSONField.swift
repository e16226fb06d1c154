import Foundation

/// Members of a message. A value of another type than the protocol's is an error, not converted; null counts as absent.
package enum JSONField {
  static func value(_ object: [String: Any], _ key: String) -> Any? {
    let value = object[key]
    return value is NSNull ? nil : value
  }

  /// - Parameter of: the part of the message, for errors.
  package static func text(_ object: [String: Any], _ key: String, of: String) throws(OpenInferenceError)
    -> String?
  {
    guard let value = value(object, key) else { return nil }
    guard let text = value as? String else { throw OpenInferenceError("'\(key)' of \(of) is no text") }
    return text
  }

  static func boolean(_ object: [String: Any], _ key: String, of: String) throws(OpenInferenceError) -> Bool?
  {
    guard let value = value(object, key) else { return nil }
    guard let number = value as? NSNumber, JSONNumber.isBoolean(number) else {
      throw OpenInferenceError("'\(key)' of \(of) is neither true nor false")
    }
    return number.boolValue
  }

  /// A whole number that is not negative.
  package static func count(_ object: [String: Any], _ key: String, of: String) throws(OpenInferenceError)
    -> Int?
  {
    guard let value = value(object, key) else { return nil }
    guard let number = value as? NSNumber, let count = JSONNumber.whole(number, Int.self), count >= 0 else {
      throw OpenInferenceError("'\(key)' of \(of) is \(describe(value)), which is no whole number from 0")
    }
    return count
  }

  static func parameters(
    _ object: [String: Any], of: String
  ) throws(OpenInferenceError) -> [String: Any] {
    guard let value = value(object, "parameters") else { return [:] }
    guard let parameters = value as? [String: Any] else {
      throw OpenInferenceError("'parameters' of \(of) is no object")
    }
    return parameters
  }

  /// A list of objects; nil when it is absent.
  static func objects(
    _ object: [String: Any], _ key: String
  ) throws(OpenInferenceError) -> [[String: Any]]? {
    guard let value = value(object, key) else { return nil }
    guard let list = value as? [[String: Any]] else {
      throw OpenInferenceError("'\(key)' is no list of objects")
    }
    return list
  }

  /// The lengths of a tensor's dimensions.
  ///
  /// - Parameter minimum: −1 for metadata, where it marks an open dimension.
  static func shape(
    _ object: [String: Any], of name: String, minimum: Int
  ) throws(OpenInferenceError) -> [Int] {
    guard let list = value(object, "shape") as? [Any] else {
      throw OpenInferenceError("'\(name)' has no shape")
    }
    guard list.count <= 8 else {
      throw OpenInferenceError("'\(name)' has \(list.count) dimensions; at most 8 are possible")
    }
    var shape: [Int] = []
    for (index, item) in list.enumerated() {
      guard let number = item as? NSNumber, let length = JSONNumber.whole(number, Int.self), length >= minimum
      else {
        throw OpenInferenceError(
          "'shape' of '\(name)', number \(index): \(describe(item)) is no length of a dimension")
      }
      shape.append(length)
    }
    return shape
  }

  /// A value as a message shows it.
  static func describe(_ value: Any) -> String {
    switch value {
    case let number as NSNumber: JSONNumber.text(number)
    case is String: "a text"
    case is NSNull: "null"
    case is [Any]: "a list"
    default: "an object"
    }
  }
}

import Foundation

/// The text of an error in the JSON of a server. Servers differ: `{"error": "…"}` (Triton, Ollama), `{"error": {"message":
/// "…"}}` (OpenAI, llama.cpp), `[{"error": {…}}]` (Gemini), `{"object": "error", "message": "…"}` (vLLM), `{"detail":
/// [{"loc": […], "msg": "…"}]}` (FastAPI), `{"errors": […]}`, `{"title": "…", "detail": "…"}` (RFC 9457).
package enum ServerErrorShape {
  /// Names of members that hold the text, the most telling ones first.
  private static let names = [
    "error", "errors", "message", "msg", "detail", "details", "error_message", "error_msg", "errorMessage",
    "error_description", "description", "reason", "title", "status", "type", "code",
  ]
  private static let maximumDepth = 6
  private static let maximumItems = 3

  /// Returns the text of an error; nil where the value holds none.
  package static func text(in value: Any) -> String? { text(in: value, depth: 0) }

  /// Returns the error in an answer or an event: the member `error`, or the object itself; nil for one without an error.
  static func error(in object: [String: Any]) -> Any? {
    if let error = object["error"], isSet(error) {
      // A name or a flag beside the text: {"error": "Bad Request", "message": "…"} (NestJS, Spring).
      let isFlag = error is String || error is NSNumber
      return isFlag && (object["message"] as? String)?.isEmpty == false ? object : error
    }
    if object["object"] as? String == "error" || object["type"] as? String == "error" { return object }
    guard object["choices"] == nil else { return nil }
    for name in ["errors", "detail"] {
      if let value = object[name], isSet(value) { return object }
    }
    return object["message"] is String ? object : nil
  }

  /// The status that an error names (`code` or `status`); nil for none.
  static func status(of error: Any) -> Int? {
    if let list = error as? [Any] { return list.first.flatMap { status(of: $0) } }
    guard let object = error as? [String: Any] else { return nil }
    if let inner = object["error"] as? [String: Any] { return status(of: inner) }
    for name in ["code", "status", "status_code"] {
      if let number = object[name] as? NSNumber, (400..<600).contains(number.intValue) {
        return number.intValue
      }
    }
    return nil
  }

  /// Whether a member holds anything: some servers send an empty `error` with every event.
  private static func isSet(_ value: Any) -> Bool {
    switch value {
    case is NSNull: false
    case let text as String: !text.isEmpty
    case let list as [Any]: !list.isEmpty
    case let object as [String: Any]: !object.isEmpty
    case let number as NSNumber: number.boolValue
    default: true
    }
  }

  private static func text(in value: Any, depth: Int) -> String? {
    guard depth < maximumDepth else { return nil }
    switch value {
    case let text as String: return text.isEmpty ? nil : text
    case let list as [Any]:
      let texts = list.prefix(maximumItems).compactMap { text(in: $0, depth: depth + 1) }
      return texts.isEmpty ? nil : texts.joined(separator: "; ")
    case let object as [String: Any]:
      if object["error"] is String || object["error"] is NSNumber,
        let message = object["message"] as? String, !message.isEmpty
      {
        return message + field(of: object, in: message)
      }
      for name in names {
        if let found = object[name].flatMap({ text(in: $0, depth: depth + 1) }) {
          return found + field(of: object, in: found)
        }
      }
      return nil
    case let number as NSNumber: return depth > 0 && number.intValue != 0 ? "error \(number)" : nil
    default: return nil
    }
  }

  /// The field of the request that an error is about, where its text does not name it.
  private static func field(of object: [String: Any], in text: String) -> String {
    let location = (object["loc"] as? [Any])?.map { "\($0)" }.joined(separator: ".")
    guard let field = location ?? (object["param"] as? String), !field.isEmpty, !text.contains(field) else {
      return ""
    }
    return " (\(field))"
  }
}

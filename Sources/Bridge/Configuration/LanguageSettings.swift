import Foundation
import StrictYAML

/// The language model that answers: `language_model:` in the configuration; no address, no model.
public struct LanguageSettings: Sendable, Equatable {
  /// `http://HOST:PORT/v1`; nil for none.
  public var address: String?
  public var model = "default"
  /// File or systemd credential with the key; nil for the variable VRBRIDGE_LANGUAGE_MODEL_KEY, if it is set.
  public var key: String?
  /// Tokens of an answer at most.
  public var maximumTokens = 200
  /// Tokens of what is sent at most.
  public var contextTokens = 2000
  public var temperature: Double?
  /// Mustache file; nil for the built-in prompt.
  public var template: String?
  /// Send what is looked at as a picture.
  public var sendsPicture = false
  /// Seconds until an answer begins, between its pieces, and of all together.
  public var firstTimeout = 30.0
  public var idleTimeout = 10.0
  public var timeout = 120.0
  public var retries = 3
  /// Seconds for which a talk is remembered.
  public var memory = 600.0

  static let keys = [
    "address", "model", "key", "max_tokens", "context_tokens", "temperature", "template", "picture",
    "first_timeout_s", "idle_timeout_s", "timeout_s", "retries", "memory_s",
  ]

  public init() {}

  init(_ value: YAMLValue) throws(DocumentError) {
    let map = try value.mapping(keys: Self.keys)
    address = try SpeechSettings.address(map.required("address"))
    if let given = map["model"] { model = try given.string() }
    if let given = map["key"] { key = try given.string() }
    if let given = map["max_tokens"] { maximumTokens = try given.integer(in: 1...100_000) }
    if let given = map["context_tokens"] { contextTokens = try given.integer(in: 200...1_000_000) }
    if let given = map["temperature"] { temperature = try given.number(in: 0...2) }
    if let given = map["template"] { template = try given.string() }
    if let given = map["picture"] { sendsPicture = try given.boolean() }
    if let given = map["first_timeout_s"] { firstTimeout = try given.number(in: 0.1...3600) }
    if let given = map["idle_timeout_s"] { idleTimeout = try given.number(in: 0.1...3600) }
    if let given = map["timeout_s"] { timeout = try given.number(in: 0.1...3600) }
    if let given = map["retries"] { retries = try given.integer(in: 0...10) }
    if let given = map["memory_s"] { memory = try given.number(in: 0...86_400) }
  }

  var lines: [(key: String, value: String)] {
    guard let address else { return [] }
    var list = [("address", quotedYAML(address)), ("model", quotedYAML(model))]
    if let key { list.append(("key", quotedYAML(key))) }
    list += [("max_tokens", String(maximumTokens)), ("context_tokens", String(contextTokens))]
    if let temperature { list.append(("temperature", String(temperature))) }
    if let template { list.append(("template", quotedYAML(template))) }
    list += [
      ("picture", String(sendsPicture)), ("first_timeout_s", String(firstTimeout)),
      ("idle_timeout_s", String(idleTimeout)), ("timeout_s", String(timeout)), ("retries", String(retries)),
      ("memory_s", String(memory)),
    ]
    return list
  }

  /// The key to send; nil for none.
  public func secret(environment: [String: String]) throws(StartError) -> String? {
    guard let key else {
      return environment["VRBRIDGE_LANGUAGE_MODEL_KEY"].flatMap { $0.isEmpty ? nil : $0 }
    }
    return try SecretFile.read(key, environment: environment, purpose: "the language model's key")
  }
}

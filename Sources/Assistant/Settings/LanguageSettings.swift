import Diagnostics
public import Dialogue
import Foundation
public import Settings
public import StrictYAML

/// Settings of the language model that answers questions: `language_model:` in the configuration.
public struct LanguageSettings: Sendable, Equatable {
  /// `http://HOST:PORT/v1`; nil for no language model.
  public var address: String?
  public var model = "default"
  /// The kind of server, which decides on the fields that it is sent.
  public var server = ServerQuirks.Server.auto
  /// The field that limits the tokens of an answer; nil for that of the kind of server.
  public var tokenLimit: ServerQuirks.TokenLimit?
  /// Send `stream_options`; nil for what the kind of server accepts.
  public var sendsStreamOptions: Bool?
  /// Request a stream; nil for what the kind of server accepts.
  public var streams: Bool?
  /// File or systemd credential with the API key; nil for the variable VRBRIDGE_LANGUAGE_MODEL_KEY, where it is set.
  public var key: String?
  /// Maximum tokens of an answer.
  public var maximumTokens = 200
  /// Maximum tokens of a prompt.
  public var contextTokens = 2000
  public var temperature: Double?
  /// Mustache file of the prompt; nil for the built-in one.
  public var template: String?
  /// Send a picture of the gazed object.
  public var sendsPicture = false
  /// Seconds to the begin of an answer.
  public var firstTimeout = 30.0
  /// Seconds between two pieces of an answer.
  public var idleTimeout = 10.0
  /// Seconds for a whole answer.
  public var timeout = 120.0
  public var retries = 3
  /// Seconds for which the turns of a conversation are sent with a question.
  public var memory = 600.0

  public init() {}

  /// What the server accepts.
  public var quirks: ServerQuirks {
    var quirks = server.quirks
    quirks.tokenLimit = tokenLimit ?? quirks.tokenLimit
    quirks.sendsStreamOptions = sendsStreamOptions ?? quirks.sendsStreamOptions
    quirks.streams = streams ?? quirks.streams
    return quirks
  }

  /// Returns the API key; nil for none.
  public func secret(environment: [String: String]) throws(SecretError) -> String? {
    guard let key else {
      return environment["VRBRIDGE_LANGUAGE_MODEL_KEY"].flatMap { $0.isEmpty ? nil : $0 }
    }
    return try SecretFile.read(key, environment: environment, purpose: "the language model's key")
  }
}

extension LanguageSettings: TabulatedSettings {
  public static let table: [SettingKey<Self>] = [
    SettingKey(
      "address", "`http://HOST:PORT/v1` or https: OpenAI's chat completions",
      parse: { (value, settings) throws(DocumentError) in
        settings.address = try SpeechSettings.address(value)
      }, lines: { $0.address.map { [ConfigurationLine("address", quotedYAML($0))] } ?? [] }),
    SettingKey("model", \.model, .text, "name that is sent to the server"),
    SettingKey(
      "server", \.server, .choice,
      "kind of server, which decides on the three keys below; `auto` adapts to what the server refuses"),
    SettingKey(
      "token_limit", \.tokenLimit, ValueFormat<ServerQuirks.TokenLimit>.choice.optional,
      "field that limits the tokens of an answer", standard: "that of `server`"),
    SettingKey(
      "stream_options", \.sendsStreamOptions, ValueFormat.boolean.optional,
      "send `stream_options`, by which the server counts tokens", standard: "that of `server`"),
    SettingKey(
      "stream", \.streams, ValueFormat.boolean.optional,
      "request the answer in parts; `false` for a server that sends it as a whole",
      standard: "that of `server`"),
    SettingKey(
      "key", \.key, ValueFormat.text.optional, "file or systemd credential with the API key",
      standard: "`VRBRIDGE_LANGUAGE_MODEL_KEY`"),
    SettingKey("max_tokens", \.maximumTokens, .integer(1...100_000), "tokens of an answer"),
    SettingKey("context_tokens", \.contextTokens, .integer(200...1_000_000), "tokens of a prompt"),
    SettingKey(
      "temperature", \.temperature, ValueFormat.number(0...2).optional, "temperature of the model",
      standard: "the server's"),
    SettingKey(
      "template", \.template, ValueFormat.text.optional, "Mustache file of the prompt", standard: "built in"),
    SettingKey("picture", \.sendsPicture, .boolean, "send an image of the gazed-at object"),
    SettingKey(
      "first_timeout_s", \.firstTimeout, .number(0.1...3600, "s"), "time limit for the start of an answer"),
    SettingKey(
      "idle_timeout_s", \.idleTimeout, .number(0.1...3600, "s"), "time limit between two parts of an answer"),
    SettingKey("timeout_s", \.timeout, .number(0.1...3600, "s"), "time limit of a whole answer"),
    SettingKey("retries", \.retries, .integer(0...10), "repetitions of a failed request"),
    SettingKey(
      "memory_s", \.memory, .number(0...86_400, "s"),
      "age of the oldest part of the conversation that is sent with a question"),
  ]

  public func validate(_ map: YAMLMapping) throws(DocumentError) { _ = try map.required("address") }
}

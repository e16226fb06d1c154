/// What a server of chat completions accepts. Servers refuse fields that they do not know.
public struct ServerQuirks: Sendable, Equatable {
  /// The field that limits the tokens of an answer.
  public enum TokenLimit: String, Sendable, CaseIterable {
    case maxTokens = "max_tokens"
    case maxCompletionTokens = "max_completion_tokens"
    case none
  }
  public var tokenLimit = TokenLimit.maxTokens
  /// Send `stream_options`, by which the server counts tokens.
  public var sendsStreamOptions = true
  /// Request a stream; otherwise the answer comes as a whole.
  public var streams = true
  /// Send `temperature` where it is configured.
  public var sendsTemperature = true

  public init() {}

  /// Servers by name in the configuration. `auto` begins with the fields that most servers accept and adapts to refusals.
  public enum Server: String, Sendable, CaseIterable {
    case auto
    case openAI = "openai"
    case llamaCpp = "llama.cpp"
    case vLLM = "vllm"
    case ollama
    case mistral
    case fireworks

    public var quirks: ServerQuirks {
      var quirks = ServerQuirks()
      switch self {
      case .auto, .llamaCpp, .vLLM, .ollama: break
      // The reasoning models refuse `max_tokens`; all models accept the newer name.
      case .openAI: quirks.tokenLimit = .maxCompletionTokens
      // Both validate requests strictly: 422 or 400, "Extra inputs are not permitted".
      case .mistral, .fireworks: quirks.sendsStreamOptions = false
      }
      return quirks
    }
  }

  /// Words by which servers say that they do not accept a field, as opposed to its value.
  private static let refusals = [
    "unsupported", "not support", "unrecognized", "unrecognised", "unknown", "extra", "not permitted",
    "forbidden", "unexpected", "not allowed", "use 'max_", "must be verified",
  ]

  /// Returns what a server may accept that refused a request; nil where its error is about something else, or nothing is left
  /// to try.
  ///
  /// - Parameters:
  ///   - error: the server's text.
  ///   - tried: what it refused so far, this included.
  public func adapted(to error: String, tried: [ServerQuirks]) -> ServerQuirks? {
    let text = error.lowercased()
    guard Self.refusals.contains(where: { text.contains($0) }) else { return nil }
    var candidates: [ServerQuirks] = []
    func add(_ isNamed: Bool, _ change: (inout ServerQuirks) -> Void) {
      guard isNamed else { return }
      var other = self
      change(&other)
      candidates.append(other)
    }
    add(text.contains("stream_options")) { $0.sendsStreamOptions = false }
    let isLimit = text.contains("max_tokens") || text.contains("max_completion_tokens")
    for limit in [TokenLimit.maxCompletionTokens, .maxTokens, .none] {
      add(isLimit) { $0.tokenLimit = limit }
    }
    add(text.contains("temperature")) { $0.sendsTemperature = false }
    add(text.contains("stream") && !text.contains("stream_options")) { $0.streams = false }
    return candidates.first { !tried.contains($0) }
  }
}

/// What a server of the Open Inference Protocol returns.
extension OpenInference {
  public struct Answer: Sendable {
    /// The model and its version, as far as the server names them.
    public var model: String?
    public var version: String?
    public var outputs: [NamedTensor]
  }

  public struct Metadata: Sendable {
    public var name: String?
    /// Empty when the server lists none.
    public var versions: [String]
    public var inputs: [TensorSpec]
    public var outputs: [TensorSpec]
  }

  /// Parses an answer.
  public static func answer(_ body: [UInt8], headerLength: Int?) throws(OpenInferenceError) -> Answer {
    let (text, bytes) = try split(body, headerLength: headerLength)
    return try JSONBody.read(text) { json throws(OpenInferenceError) in
      guard let outputs = try JSONField.objects(json, "outputs") else {
        throw OpenInferenceError("the answer has no 'outputs'")
      }
      var binary = bytes
      var answer = Answer(outputs: [])
      answer.model = try JSONField.text(json, "model_name", of: "the answer")
      answer.version = try JSONField.text(json, "model_version", of: "the answer")
      for entry in outputs { answer.outputs.append(try tensor(entry, &binary, mayBeEmpty: true)) }
      guard binary.isEmpty else {
        throw OpenInferenceError("\(binary.count) bytes follow the last tensor of the answer")
      }
      return answer
    }
  }

  /// Parses a model's metadata.
  public static func metadata(_ body: [UInt8]) throws(OpenInferenceError) -> Metadata {
    try JSONBody.read(body[...]) { json throws(OpenInferenceError) in
      var versions: [String] = []
      if let list = JSONField.value(json, "versions") {
        guard let texts = list as? [String] else {
          throw OpenInferenceError("'versions' of the metadata is no list of texts")
        }
        versions = texts
      }
      return Metadata(
        name: try JSONField.text(json, "name", of: "the metadata"), versions: versions,
        inputs: try specs(json, "inputs"), outputs: try specs(json, "outputs"))
    }
  }

  private static func specs(
    _ json: [String: Any], _ key: String
  ) throws(OpenInferenceError) -> [TensorSpec] {
    var list: [TensorSpec] = []
    for entry in try JSONField.objects(json, key) ?? [] {
      guard let name = try JSONField.text(entry, "name", of: "the metadata's '\(key)'") else {
        throw OpenInferenceError("a tensor in '\(key)' of the metadata has no name")
      }
      guard let text = entry["datatype"] as? String, let type = ElementType(rawValue: text) else {
        throw OpenInferenceError(
          "'\(name)' in the metadata has the datatype '\(entry["datatype"] ?? "none")', which is not supported"
        )
      }
      guard !list.contains(where: { $0.name == name }) else {
        throw OpenInferenceError("the metadata has '\(name)' twice in '\(key)'")
      }
      list.append(
        TensorSpec(name: name, type: type, shape: try JSONField.shape(entry, of: name, minimum: -1)))
    }
    return list
  }
}

public import Diagnostics
import Foundation

/// A message of the Open Inference Protocol or of TensorFlow Serving is invalid.
public struct OpenInferenceError: CodedError, Sendable {
  public var description: String
  /// Whether the message may be valid, and others use the memory for it.
  public var isBusy: Bool
  public var code: String { "inference-message-invalid" }
  /// The kind of the error for the client that sent the message.
  public var kind: InferenceError.Kind { isBusy ? .late : .input }

  public init(_ description: String, isBusy: Bool = false) {
    self.description = description
    self.isBusy = isBusy
  }
}

/// A tensor with its name.
public struct NamedTensor: Sendable, Hashable {
  public var name: String
  public var tensor: Tensor

  public init(_ name: String, _ tensor: Tensor) {
    self.name = name
    self.tensor = tensor
  }
}

/// Requests and answers of the Open Inference Protocol v2 over HTTP (github.com/kserve/open-inference-protocol), with
/// the binary tensor extension (Triton's extension_binary_data.md): JSON, then the tensors' bytes in the order of the
/// JSON. Reference client: tritonclient 2.73.
public enum OpenInference {
  /// The header with the length of the JSON in front of binary tensors.
  public static let lengthHeader = "Inference-Header-Content-Length"

  public struct Request: Sendable {
    public struct Output: Sendable, Hashable {
      public var name: String
      public var isBinary: Bool
      /// Number of best classes to answer with; 0 for the numbers themselves.
      public var classes: Int
    }

    public var id: String?
    public var inputs: [NamedTensor]
    /// Requested outputs; empty for all of them.
    public var outputs: [Output] = []
    /// Whether outputs without a setting of their own are binary.
    public var isBinary = false
  }

  // MARK: reading

  /// Splits a body into its JSON and the bytes behind it.
  private static func split(
    _ body: [UInt8], headerLength: Int?
  ) throws(OpenInferenceError) -> (json: ArraySlice<UInt8>, binary: ArraySlice<UInt8>) {
    let length = headerLength ?? body.count
    guard length >= 0, length <= body.count else {
      throw OpenInferenceError("\(lengthHeader) is \(length), and the body has \(body.count) bytes")
    }
    return (body[..<length], body[length...])
  }

  /// Parses a request.
  ///
  /// - Parameters:
  ///   - headerLength: of the JSON, when binary tensors follow; 0 for a body that is the bytes of the only input.
  ///   - specs: of the model, for a body without JSON.
  public static func request(
    _ body: [UInt8], headerLength: Int?, specs: [TensorSpec]
  ) throws(OpenInferenceError) -> Request {
    if headerLength == 0 { return Request(inputs: [try raw(body, specs)], isBinary: true) }
    let (text, binary) = try split(body, headerLength: headerLength)
    return try JSONBody.read(text) { json throws(OpenInferenceError) in try request(json, binary) }
  }

  private static func request(
    _ json: [String: Any], _ bytes: ArraySlice<UInt8>
  ) throws(OpenInferenceError) -> Request {
    var binary = bytes
    guard let inputs = json["inputs"] as? [[String: Any]], !inputs.isEmpty, inputs.count <= 64 else {
      throw OpenInferenceError("'inputs' must be a list of 1 to 64 tensors")
    }
    var request = Request(inputs: [])
    request.id = json["id"] as? String
    for entry in inputs { request.inputs.append(try tensor(entry, &binary)) }
    guard binary.isEmpty else {
      throw OpenInferenceError(
        "\(binary.count) bytes follow the last binary tensor; give each tensor its binary_data_size")
    }
    let parameters = json["parameters"] as? [String: Any] ?? [:]
    request.isBinary = parameters["binary_data_output"] as? Bool ?? false
    if let outputs = json["outputs"] {
      guard let list = outputs as? [[String: Any]], list.count <= 256 else {
        throw OpenInferenceError("'outputs' must be a list")
      }
      for entry in list {
        guard let name = entry["name"] as? String else { throw OpenInferenceError("an output has no name") }
        let parameters = entry["parameters"] as? [String: Any] ?? [:]
        let classes = (parameters["classification"] as? NSNumber)?.intValue ?? 0
        request.outputs.append(
          Request.Output(
            name: name, isBinary: parameters["binary_data"] as? Bool ?? request.isBinary,
            classes: min(max(classes, 0), 100_000)))
      }
    }
    return request
  }

  private static func raw(_ body: [UInt8], _ specs: [TensorSpec]) throws(OpenInferenceError) -> NamedTensor {
    guard specs.count == 1, let spec = specs.first else {
      throw OpenInferenceError("a body without JSON is for models with one input")
    }
    var shape = spec.shape
    let open = shape.indices.filter { shape[$0] < 0 }
    let fixed = shape.filter { $0 > 0 }.reduce(spec.type.width, *)
    if let index = open.first, open.count == 1, fixed > 0, body.count % fixed == 0 {
      shape[index] = body.count / fixed
    }
    guard let tensor = Tensor(type: spec.type, shape: shape, bytes: body) else {
      throw OpenInferenceError("\(body.count) bytes are no \(spec)")
    }
    return NamedTensor(spec.name, tensor)
  }

  private static func tensor(
    _ entry: [String: Any], _ binary: inout ArraySlice<UInt8>
  ) throws(OpenInferenceError) -> NamedTensor {
    guard let name = entry["name"] as? String else { throw OpenInferenceError("a tensor has no name") }
    guard let text = entry["datatype"] as? String, let type = ElementType(rawValue: text) else {
      throw OpenInferenceError(
        "'\(name)' has the datatype '\(entry["datatype"] ?? "none")'; known: \(ElementType.allCases.map(\.rawValue).joined(separator: ", "))"
      )
    }
    guard let given = entry["shape"] as? [NSNumber] else {
      throw OpenInferenceError("'\(name)' has no shape")
    }
    let shape = given.map(\.intValue)
    guard shape.count <= 8, let size = Tensor.size(type, shape) else {
      throw OpenInferenceError("'\(name)' has the shape \(shape), which no tensor can have")
    }
    let parameters = entry["parameters"] as? [String: Any] ?? [:]
    if let length = (parameters["binary_data_size"] as? NSNumber)?.intValue {
      guard length == size, length <= binary.count else {
        throw OpenInferenceError(
          "'\(name)' of shape \(shape) takes \(size) bytes; \(length) are announced and \(binary.count) are there"
        )
      }
      defer { binary = binary.dropFirst(length) }
      guard let tensor = Tensor(type: type, shape: shape, bytes: Array(binary.prefix(length))) else {
        throw OpenInferenceError("'\(name)' can't be read")
      }
      return NamedTensor(name, tensor)
    }
    guard let data = entry["data"] as? [Any] else {
      throw OpenInferenceError("'\(name)' has neither 'data' nor binary data")
    }
    var numbers: [NSNumber] = []
    // The shape is the sender's; no more values can follow.
    numbers.reserveCapacity(min(size / type.width, JSONBody.maximumValues))
    try JSONTensor.flatten(data, into: &numbers, limit: size / type.width, name: name)
    guard let tensor = Tensor(type: type, shape: shape, json: numbers) else {
      throw OpenInferenceError(
        "'\(name)' of shape \(shape) takes \(size / type.width) numbers, and has \(numbers.count)")
    }
    return NamedTensor(name, tensor)
  }

  /// Parses the tensors of an answer.
  public static func answer(
    _ body: [UInt8], headerLength: Int?
  ) throws(OpenInferenceError) -> [NamedTensor] {
    let (text, bytes) = try split(body, headerLength: headerLength)
    return try JSONBody.read(text) { json throws(OpenInferenceError) in
      guard let outputs = json["outputs"] as? [[String: Any]] else {
        throw OpenInferenceError("the answer has no 'outputs'")
      }
      var binary = bytes
      var tensors: [NamedTensor] = []
      for entry in outputs { tensors.append(try tensor(entry, &binary)) }
      return tensors
    }
  }

  /// Parses the tensors in a model's metadata.
  public static func metadata(_ body: [UInt8]) throws(OpenInferenceError) -> (
    inputs: [TensorSpec], outputs: [TensorSpec]
  ) {
    try JSONBody.read(body[...]) { json throws(OpenInferenceError) in
      (try specs(json, "inputs"), try specs(json, "outputs"))
    }
  }

  private static func specs(
    _ json: [String: Any], _ key: String
  ) throws(OpenInferenceError) -> [TensorSpec] {
    var list: [TensorSpec] = []
    for entry in json[key] as? [[String: Any]] ?? [] {
      guard let name = entry["name"] as? String, let text = entry["datatype"] as? String,
        let type = ElementType(rawValue: text), let shape = entry["shape"] as? [NSNumber]
      else { throw OpenInferenceError("the metadata of '\(key)' can't be read") }
      list.append(TensorSpec(name: name, type: type, shape: shape.map { max($0.intValue, -1) }))
    }
    return list
  }

  // MARK: writing

  /// A tensor of a message that is written.
  public enum Part: Sendable {
    /// Bytes behind the JSON.
    case binary(NamedTensor)
    /// Numbers in the JSON.
    case numbers(NamedTensor)
    /// Texts in the JSON.
    case texts(name: String, shape: [Int], [String])
  }

  /// Writes a request or an answer: JSON, and behind it the bytes of binary tensors.
  ///
  /// - Parameter requestsBinary: whether a request asks for binary outputs.
  /// - Returns: the body, and the length of its JSON when bytes follow.
  public static func body(
    id: String?, model: String?, version: String?, key: StaticString, parts: [Part],
    requestsBinary: Bool = false
  ) throws(OpenInferenceError) -> (body: [UInt8], headerLength: Int?) {
    var members: [(key: StaticString, value: [UInt8])] = []
    if let id { members.append(("id", JSONText.string(id))) }
    if let model { members.append(("model_name", JSONText.string(model))) }
    if let version { members.append(("model_version", JSONText.string(version))) }
    if requestsBinary {
      members.append(("parameters", JSONText.object([("binary_data_output", Array("true".utf8))])))
    }
    var list: [[UInt8]] = []
    var binary: [UInt8] = []
    var hasBinary = false
    for part in parts {
      switch part {
      case .binary(let named):
        let size = JSONText.object([("binary_data_size", JSONText.integer(named.tensor.bytes.count))])
        list.append(
          entry(named.name, named.tensor.type.rawValue, named.tensor.shape, ("parameters", size)))
        binary += named.tensor.bytes
        hasBinary = true
      case .numbers(let named):
        let data = try JSONTensor.flat(named.tensor, name: named.name)
        list.append(entry(named.name, named.tensor.type.rawValue, named.tensor.shape, ("data", data)))
      case .texts(let name, let shape, let texts):
        list.append(entry(name, "BYTES", shape, ("data", JSONText.array(texts.map(JSONText.string)))))
      }
    }
    members.append((key, JSONText.array(list)))
    let header = JSONText.object(members)
    return (header + binary, hasBinary ? header.count : nil)
  }

  private static func entry(
    _ name: String, _ type: String, _ shape: [Int], _ content: (key: StaticString, value: [UInt8])
  ) -> [UInt8] {
    JSONText.object([
      ("name", JSONText.string(name)), ("datatype", Array("\"\(type)\"".utf8)),
      ("shape", JSONText.array(shape.map(JSONText.integer))), content,
    ])
  }
}

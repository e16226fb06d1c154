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
  static func split(
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
    guard let inputs = try JSONField.objects(json, "inputs"), !inputs.isEmpty, inputs.count <= 64 else {
      throw OpenInferenceError("'inputs' must be a list of 1 to 64 tensors")
    }
    var request = Request(inputs: [])
    request.id = try JSONField.text(json, "id", of: "the request")
    for entry in inputs { request.inputs.append(try tensor(entry, &binary)) }
    guard binary.isEmpty else {
      throw OpenInferenceError(
        "\(binary.count) bytes follow the last binary tensor; give each tensor its binary_data_size")
    }
    let parameters = try JSONField.parameters(json, of: "the request")
    request.isBinary =
      try JSONField.boolean(parameters, "binary_data_output", of: "the request") ?? false
    let outputs = try JSONField.objects(json, "outputs") ?? []
    guard outputs.count <= 256 else { throw OpenInferenceError("'outputs' has more than 256 entries") }
    for entry in outputs { request.outputs.append(try output(entry, request)) }
    return request
  }

  private static func output(
    _ entry: [String: Any], _ request: Request
  ) throws(OpenInferenceError) -> Request.Output {
    guard let name = try JSONField.text(entry, "name", of: "an output") else {
      throw OpenInferenceError("an output has no name")
    }
    guard !request.outputs.contains(where: { $0.name == name }) else {
      throw OpenInferenceError("the output '\(name)' is requested twice")
    }
    let part = "the output '\(name)'"
    let parameters = try JSONField.parameters(entry, of: part)
    let classes = try JSONField.count(parameters, "classification", of: part) ?? 0
    return Request.Output(
      name: name,
      isBinary: try JSONField.boolean(parameters, "binary_data", of: part) ?? request.isBinary,
      classes: min(classes, 100_000))
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

  /// - Parameter mayBeEmpty: whether a dimension may have length 0: in an answer, which finds nothing.
  static func tensor(
    _ entry: [String: Any], _ binary: inout ArraySlice<UInt8>, mayBeEmpty: Bool = false
  ) throws(OpenInferenceError) -> NamedTensor {
    guard let name = try JSONField.text(entry, "name", of: "a tensor") else {
      throw OpenInferenceError("a tensor has no name")
    }
    guard let text = entry["datatype"] as? String, let type = ElementType(rawValue: text) else {
      throw OpenInferenceError(
        "'\(name)' has the datatype '\(entry["datatype"] ?? "none")'; known: \(ElementType.allCases.map(\.rawValue).joined(separator: ", "))"
      )
    }
    let shape = try JSONField.shape(entry, of: name, minimum: 0)
    let empty = mayBeEmpty ? Tensor(empty: type, shape: shape) : nil
    guard let size = empty.map({ _ in 0 }) ?? Tensor.size(type, shape) else {
      throw OpenInferenceError("'\(name)' has the shape \(shape), which no tensor can have")
    }
    let data = JSONField.value(entry, "data")
    let parameters = try JSONField.parameters(entry, of: "'\(name)'")
    if let length = try JSONField.count(parameters, "binary_data_size", of: "'\(name)'") {
      guard data == nil else {
        throw OpenInferenceError("'\(name)' has both 'data' and binary data; send one of them")
      }
      guard length == size, length <= binary.count else {
        throw OpenInferenceError(
          "'\(name)' of shape \(shape) takes \(size) bytes; \(length) are announced and \(binary.count) are there"
        )
      }
      defer { binary = binary.dropFirst(length) }
      guard let tensor = empty ?? Tensor(type: type, shape: shape, bytes: Array(binary.prefix(length)))
      else { throw OpenInferenceError("'\(name)' can't be read") }
      return NamedTensor(name, tensor)
    }
    guard let data else { throw OpenInferenceError("'\(name)' has neither 'data' nor binary data") }
    guard let list = data as? [Any] else { throw OpenInferenceError("'data' of '\(name)' is no list") }
    if let empty {
      // As lists within lists, the lengths before that of 0 remain.
      guard !containsNumber(list) else {
        throw OpenInferenceError("'\(name)' of shape \(shape) has no elements, but its 'data' has")
      }
      return NamedTensor(name, empty)
    }
    return NamedTensor(name, try JSONTensor.tensor(list, type: type, shape: shape, name: name))
  }

  private static func containsNumber(_ list: [Any]) -> Bool {
    list.contains { item in (item as? [Any]).map(containsNumber) ?? true }
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

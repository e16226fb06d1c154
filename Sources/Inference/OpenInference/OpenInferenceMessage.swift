import Foundation

/// Why a message of the Open Inference Protocol can't be taken.
public struct OpenInferenceFault: Error, Sendable, CustomStringConvertible {
  public var description: String
  public init(_ description: String) { self.description = description }
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
/// JSON. How real clients write it: tritonclient 2.73.
public enum OpenInference {
  /// Length of the JSON in front of binary tensors.
  public static let lengthHeader = "Inference-Header-Content-Length"

  public struct Request: Sendable {
    public struct Output: Sendable, Hashable {
      public var name: String
      public var isBinary: Bool
      /// Of a classification the best so many; 0 for the numbers.
      public var classes: Int
    }

    public var id: String?
    public var inputs: [NamedTensor]
    /// Empty: all of them.
    public var outputs: [Output] = []
    /// For outputs that do not say.
    public var isBinary = false
  }

  // MARK: reading

  private static func object(_ bytes: ArraySlice<UInt8>) throws(OpenInferenceFault) -> [String: Any] {
    guard let value = try? JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any] else {
      throw OpenInferenceFault("the body is no JSON object")
    }
    return value
  }

  /// The JSON and what follows it.
  private static func split(
    _ body: [UInt8], headerLength: Int?
  ) throws(OpenInferenceFault) -> (json: [String: Any], binary: ArraySlice<UInt8>) {
    let length = headerLength ?? body.count
    guard length >= 0, length <= body.count else {
      throw OpenInferenceFault("\(lengthHeader) is \(length), and the body has \(body.count) bytes")
    }
    return (try object(body[..<length]), body[length...])
  }

  /// - Parameters:
  ///   - headerLength: of the JSON, when binary tensors follow; 0 for a body that is the bytes of the only input.
  ///   - specs: of the model, for a body without JSON.
  public static func request(
    _ body: [UInt8], headerLength: Int?, specs: [TensorSpec]
  ) throws(OpenInferenceFault) -> Request {
    if headerLength == 0 { return Request(inputs: [try raw(body, specs)], isBinary: true) }
    var (json, binary) = try split(body, headerLength: headerLength)
    guard let inputs = json["inputs"] as? [[String: Any]], !inputs.isEmpty, inputs.count <= 64 else {
      throw OpenInferenceFault("'inputs' must be a list of 1 to 64 tensors")
    }
    var request = Request(inputs: [])
    request.id = json["id"] as? String
    for entry in inputs { request.inputs.append(try tensor(entry, &binary)) }
    guard binary.isEmpty else {
      throw OpenInferenceFault("\(binary.count) bytes stand behind the last binary tensor")
    }
    let parameters = json["parameters"] as? [String: Any] ?? [:]
    request.isBinary = parameters["binary_data_output"] as? Bool ?? false
    if let outputs = json["outputs"] {
      guard let list = outputs as? [[String: Any]], list.count <= 256 else {
        throw OpenInferenceFault("'outputs' must be a list")
      }
      for entry in list {
        guard let name = entry["name"] as? String else { throw OpenInferenceFault("an output has no name") }
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

  private static func raw(_ body: [UInt8], _ specs: [TensorSpec]) throws(OpenInferenceFault) -> NamedTensor {
    guard specs.count == 1, let spec = specs.first else {
      throw OpenInferenceFault("a body without JSON is for models with one input")
    }
    var shape = spec.shape
    let open = shape.indices.filter { shape[$0] < 0 }
    let fixed = shape.filter { $0 > 0 }.reduce(spec.type.width, *)
    if let place = open.first, open.count == 1, fixed > 0, body.count % fixed == 0 {
      shape[place] = body.count / fixed
    }
    guard let tensor = Tensor(type: spec.type, shape: shape, bytes: body) else {
      throw OpenInferenceFault("\(body.count) bytes are no \(spec)")
    }
    return NamedTensor(spec.name, tensor)
  }

  private static func tensor(
    _ entry: [String: Any], _ binary: inout ArraySlice<UInt8>
  ) throws(OpenInferenceFault) -> NamedTensor {
    guard let name = entry["name"] as? String else { throw OpenInferenceFault("a tensor has no name") }
    guard let text = entry["datatype"] as? String, let type = ElementType(rawValue: text) else {
      throw OpenInferenceFault(
        "'\(name)' has the datatype '\(entry["datatype"] ?? "none")'; known: \(ElementType.allCases.map(\.rawValue).joined(separator: ", "))"
      )
    }
    guard let given = entry["shape"] as? [NSNumber] else {
      throw OpenInferenceFault("'\(name)' has no shape")
    }
    let shape = given.map(\.intValue)
    guard shape.count <= 8, let size = Tensor.size(type, shape) else {
      throw OpenInferenceFault("'\(name)' has the shape \(shape), which no tensor has")
    }
    let parameters = entry["parameters"] as? [String: Any] ?? [:]
    if let length = (parameters["binary_data_size"] as? NSNumber)?.intValue {
      guard length == size, length <= binary.count else {
        throw OpenInferenceFault(
          "'\(name)' of shape \(shape) takes \(size) bytes; \(length) are announced and \(binary.count) are there"
        )
      }
      defer { binary = binary.dropFirst(length) }
      guard let tensor = Tensor(type: type, shape: shape, bytes: Array(binary.prefix(length))) else {
        throw OpenInferenceFault("'\(name)' can't be read")
      }
      return NamedTensor(name, tensor)
    }
    guard let data = entry["data"] as? [Any] else {
      throw OpenInferenceFault("'\(name)' has neither 'data' nor binary data")
    }
    var numbers: [NSNumber] = []
    numbers.reserveCapacity(size / type.width)
    try JSONTensor.flatten(data, into: &numbers, limit: size / type.width, name: name)
    guard let tensor = Tensor(type: type, shape: shape, json: numbers) else {
      throw OpenInferenceFault(
        "'\(name)' of shape \(shape) takes \(size / type.width) numbers, and has \(numbers.count)")
    }
    return NamedTensor(name, tensor)
  }

  /// The tensors of an answer.
  public static func answer(
    _ body: [UInt8], headerLength: Int?
  ) throws(OpenInferenceFault) -> [NamedTensor] {
    var (json, binary) = try split(body, headerLength: headerLength)
    guard let outputs = json["outputs"] as? [[String: Any]] else {
      throw OpenInferenceFault("the answer has no 'outputs'")
    }
    var tensors: [NamedTensor] = []
    for entry in outputs { tensors.append(try tensor(entry, &binary)) }
    return tensors
  }

  /// What a model's metadata say of its tensors.
  public static func metadata(_ body: [UInt8]) throws(OpenInferenceFault) -> (
    inputs: [TensorSpec], outputs: [TensorSpec]
  ) {
    let json = try object(body[...])
    func specs(_ key: String) throws(OpenInferenceFault) -> [TensorSpec] {
      var list: [TensorSpec] = []
      for entry in json[key] as? [[String: Any]] ?? [] {
        guard let name = entry["name"] as? String, let text = entry["datatype"] as? String,
          let type = ElementType(rawValue: text), let shape = entry["shape"] as? [NSNumber]
        else { throw OpenInferenceFault("the metadata of '\(key)' can't be read") }
        list.append(TensorSpec(name: name, type: type, shape: shape.map { max($0.intValue, -1) }))
      }
      return list
    }
    return (try specs("inputs"), try specs("outputs"))
  }

  // MARK: writing

  /// JSON and, for those who take it, bytes behind it.
  ///
  /// - Returns: the body, and the length of its JSON when bytes follow.
  public static func body(
    id: String?, model: String?, version: String?, key: String,
    tensors: [(tensor: NamedTensor, isBinary: Bool)],
    asksBinary: Bool = false
  ) throws(OpenInferenceFault) -> (body: [UInt8], headerLength: Int?) {
    var json = "{"
    if let id { json += "\"id\":\(JSONTensor.quoted(id))," }
    if let model { json += "\"model_name\":\(JSONTensor.quoted(model))," }
    if let version { json += "\"model_version\":\(JSONTensor.quoted(version))," }
    if asksBinary { json += "\"parameters\":{\"binary_data_output\":true}," }
    json += "\"\(key)\":["
    var binary: [UInt8] = []
    for (index, (named, isBinary)) in tensors.enumerated() {
      let tensor = named.tensor
      if index > 0 { json += "," }
      json +=
        "{\"name\":\(JSONTensor.quoted(named.name)),\"datatype\":\"\(tensor.type.rawValue)\",\"shape\":["
      json += tensor.shape.map(String.init).joined(separator: ",") + "],"
      if isBinary {
        json += "\"parameters\":{\"binary_data_size\":\(tensor.bytes.count)}}"
        binary += tensor.bytes
      } else {
        json += "\"data\":["
        try JSONTensor.append(tensor, name: named.name, to: &json)
        json += "]}"
      }
    }
    json += "]}"
    let header = Array(json.utf8)
    let hasBinary = tensors.contains { $0.isBinary }
    return (header + binary, hasBinary ? header.count : nil)
  }
}

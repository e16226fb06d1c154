import Foundation

/// TensorFlow Serving's REST API for predictions (tensorflow.org/tfx/serving/api_rest): `instances`, a row for each
/// example, or `inputs`, a column for each tensor.
public enum TensorFlowServing {
  public struct Request: Sendable {
    public var inputs: [Tensor]
    /// Whether the answer has `predictions`, a row for each example; else it has `outputs`.
    public var isRows: Bool
  }

  public static func request(_ body: [UInt8], specs: [TensorSpec]) throws(OpenInferenceError) -> Request {
    try JSONBody.read(body[...]) { json throws(OpenInferenceError) in try request(json, specs) }
  }

  private static func request(
    _ json: [String: Any], _ specs: [TensorSpec]
  ) throws(OpenInferenceError) -> Request {
    guard json["instances"] == nil || json["inputs"] == nil else {
      throw OpenInferenceError("the body has both 'instances' and 'inputs'; send one of them")
    }
    if let rows = json["instances"] {
      guard let rows = rows as? [Any], !rows.isEmpty else {
        throw OpenInferenceError("'instances' must be a list of examples")
      }
      var tensors: [Tensor] = []
      for spec in specs { tensors.append(try tensor(column(of: spec, rows, specs), spec)) }
      return Request(inputs: tensors, isRows: true)
    }
    guard let columns = json["inputs"] else {
      throw OpenInferenceError("the body has neither 'instances' nor 'inputs'")
    }
    if let map = columns as? [String: Any] { try checkNames(map, specs, "'inputs'") }
    var tensors: [Tensor] = []
    for spec in specs {
      let value = (columns as? [String: Any])?[spec.name] ?? (specs.count == 1 ? columns : nil)
      guard let value, !(value is [String: Any]) else {
        throw OpenInferenceError("'inputs' has no '\(spec.name)'")
      }
      tensors.append(try tensor(value, spec))
    }
    return Request(inputs: tensors, isRows: false)
  }

  /// Returns one tensor's values of all rows.
  private static func column(
    of spec: TensorSpec, _ rows: [Any], _ specs: [TensorSpec]
  ) throws(OpenInferenceError) -> [Any] {
    var column: [Any] = []
    for (index, row) in rows.enumerated() {
      if let map = row as? [String: Any] {
        try checkNames(map, specs, "instance \(index)")
        guard let value = map[spec.name] else {
          throw OpenInferenceError("instance \(index) has no '\(spec.name)'")
        }
        column.append(value)
      } else if specs.count == 1 {
        column.append(row)
      } else {
        throw OpenInferenceError(
          "the model takes \(specs.count) tensors, so instance \(index) is an object with \(specs.map(\.name).joined(separator: ", "))"
        )
      }
    }
    return column
  }

  private static func checkNames(
    _ map: [String: Any], _ specs: [TensorSpec], _ part: String
  ) throws(OpenInferenceError) {
    for name in map.keys where !specs.contains(where: { $0.name == name }) {
      throw OpenInferenceError(
        "\(part) has '\(name)', which is no input of the model; it has: \(specs.map(\.name).joined(separator: ", "))"
      )
    }
  }

  /// Makes a tensor with the shape of nested lists.
  private static func tensor(_ value: Any, _ spec: TensorSpec) throws(OpenInferenceError) -> Tensor {
    try JSONTensor.tensor(value, type: spec.type, name: spec.name)
  }

  /// Returns the tensor of a list without numbers, as of a detector that finds nothing; nil for other values, and where the
  /// output has no open dimension.
  private static func empty(_ value: Any, _ spec: TensorSpec) -> Tensor? {
    func isEmpty(_ value: Any) -> Bool { (value as? [Any])?.allSatisfy(isEmpty) ?? false }
    guard isEmpty(value), spec.shape.contains(where: { $0 < 0 }) else { return nil }
    return Tensor(empty: spec.type, shape: spec.shape.map { max(0, $0) })
  }

  /// Returns the body of an answer.
  ///
  /// - Parameter isRows: as in the request: a row for each example, or a column for each tensor.
  public static func answer(_ outputs: [NamedTensor], isRows: Bool) throws(OpenInferenceError) -> [UInt8] {
    guard isRows else {
      let value =
        outputs.count == 1
        ? try JSONTensor.nested(outputs[0].tensor, name: outputs[0].name) : try columns(outputs)
      return JSONText.object([("outputs", value)])
    }
    // A row for each example: a scalar has none.
    if let scalar = outputs.first(where: { $0.tensor.shape.isEmpty }) {
      throw OpenInferenceError("the output '\(scalar.name)' has no rows; send 'inputs' instead")
    }
    if outputs.count == 1 {
      return JSONText.object([
        ("predictions", try JSONTensor.nested(outputs[0].tensor, name: outputs[0].name))
      ])
    }
    let count = outputs.first?.tensor.shape.first ?? 0
    var rows: [[UInt8]] = []
    for row in 0..<count {
      var parts: [NamedTensor] = []
      for output in outputs {
        let tensor = output.tensor
        guard tensor.shape.first == count, count > 0 else {
          throw OpenInferenceError("the outputs have different numbers of rows; send 'inputs' instead")
        }
        let width = tensor.bytes.count / count
        guard
          let part = Tensor(
            type: tensor.type, shape: Array(tensor.shape.dropFirst()),
            bytes: Array(tensor.bytes[(row * width)..<((row + 1) * width)]))
            ?? Tensor(empty: tensor.type, shape: Array(tensor.shape.dropFirst()))
        else { throw OpenInferenceError("'\(output.name)' can't be divided into rows") }
        parts.append(NamedTensor(output.name, part))
      }
      rows.append(try columns(parts))
    }
    return JSONText.object([("predictions", JSONText.array(rows))])
  }

  private static func columns(_ tensors: [NamedTensor]) throws(OpenInferenceError) -> [UInt8] {
    var members: [(key: String, value: [UInt8])] = []
    for named in tensors {
      members.append((named.name, try JSONTensor.nested(named.tensor, name: named.name)))
    }
    return JSONText.object(named: members)
  }

  /// Returns the body of a request, with tensors as columns.
  public static func body(_ inputs: [NamedTensor]) throws(OpenInferenceError) -> [UInt8] {
    JSONText.object([("inputs", try columns(inputs))])
  }

  /// Parses a server's answer to `inputs`.
  public static func outputs(_ body: [UInt8], specs: [TensorSpec]) throws(OpenInferenceError) -> [Tensor] {
    try JSONBody.read(body[...]) { json throws(OpenInferenceError) in
      guard let value = json["outputs"] else { throw OpenInferenceError("the answer has no 'outputs'") }
      var tensors: [Tensor] = []
      for spec in specs {
        let columns = value as? [String: Any]
        guard let part = columns == nil && specs.count == 1 ? value : columns?[spec.name] else {
          throw OpenInferenceError("the answer has no '\(spec.name)'")
        }
        if let other = columns?.keys.first(where: { name in !specs.contains { $0.name == name } }) {
          throw OpenInferenceError("the answer has '\(other)', which is no output of the model")
        }
        if let none = empty(part, spec) {
          tensors.append(none)
        } else {
          tensors.append(try tensor(part, spec))
        }
      }
      return tensors
    }
  }
}

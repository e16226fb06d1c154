import Foundation

/// TensorFlow Serving's REST API for predictions (tensorflow.org/tfx/serving/api_rest): `instances`, a row for each
/// example, or `inputs`, a column for each tensor.
public enum TensorFlowServing {
  public struct Request: Sendable {
    public var inputs: [Tensor]
    /// Answered with `predictions`; else with `outputs`.
    public var isRows: Bool
  }

  public static func request(_ body: [UInt8], specs: [TensorSpec]) throws(OpenInferenceFault) -> Request {
    guard let json = try? JSONSerialization.jsonObject(with: Data(body)) as? [String: Any] else {
      throw OpenInferenceFault("the body is no JSON object")
    }
    if let rows = json["instances"] {
      guard let rows = rows as? [Any], !rows.isEmpty else {
        throw OpenInferenceFault("'instances' must be a list of examples")
      }
      var tensors: [Tensor] = []
      for spec in specs {
        var column: [Any] = []
        for row in rows {
          if let map = row as? [String: Any] {
            guard let value = map[spec.name] else {
              throw OpenInferenceFault("an instance has no '\(spec.name)'")
            }
            column.append(value)
          } else if specs.count == 1 {
            column.append(row)
          } else {
            throw OpenInferenceFault(
              "the model takes \(specs.count) tensors, so an instance is an object with \(specs.map(\.name).joined(separator: ", "))"
            )
          }
        }
        tensors.append(try tensor(column, spec))
      }
      return Request(inputs: tensors, isRows: true)
    }
    guard let columns = json["inputs"] else {
      throw OpenInferenceFault("the body has neither 'instances' nor 'inputs'")
    }
    var tensors: [Tensor] = []
    for spec in specs {
      let value = (columns as? [String: Any])?[spec.name] ?? (specs.count == 1 ? columns : nil)
      guard let value, !(value is [String: Any]) else {
        throw OpenInferenceFault("'inputs' has no '\(spec.name)'")
      }
      tensors.append(try tensor(value, spec))
    }
    return Request(inputs: tensors, isRows: false)
  }

  /// A tensor whose shape is that of the lists.
  private static func tensor(_ value: Any, _ spec: TensorSpec) throws(OpenInferenceFault) -> Tensor {
    var shape: [Int] = []
    var level = value
    while let list = level as? [Any] {
      guard shape.count < 8, let first = list.first else {
        throw OpenInferenceFault("'\(spec.name)' has an empty list, or is nested too deeply")
      }
      shape.append(list.count)
      level = first
    }
    var numbers: [NSNumber] = []
    let limit = Tensor.size(spec.type, shape).map { $0 / spec.type.width } ?? 0
    try JSONTensor.flatten(value as? [Any] ?? [value], into: &numbers, limit: max(limit, 1), name: spec.name)
    guard let tensor = Tensor(type: spec.type, shape: shape, json: numbers) else {
      throw OpenInferenceFault("'\(spec.name)' has lists of different lengths")
    }
    return tensor
  }

  public static func answer(_ outputs: [NamedTensor], isRows: Bool) throws(OpenInferenceFault) -> String {
    guard isRows else {
      if outputs.count == 1 {
        return "{\"outputs\":\(try JSONTensor.nested(outputs[0].tensor, name: outputs[0].name))}"
      }
      var parts: [String] = []
      for output in outputs {
        parts.append(
          "\(JSONTensor.quoted(output.name)):\(try JSONTensor.nested(output.tensor, name: output.name))")
      }
      return "{\"outputs\":{\(parts.joined(separator: ","))}}"
    }
    if outputs.count == 1 {
      return "{\"predictions\":\(try JSONTensor.nested(outputs[0].tensor, name: outputs[0].name))}"
    }
    let count = outputs.first?.tensor.shape.first ?? 0
    var rows: [String] = []
    for row in 0..<count {
      var parts: [String] = []
      for output in outputs {
        let tensor = output.tensor
        guard tensor.shape.first == count, count > 0 else {
          throw OpenInferenceFault("the outputs have different numbers of rows; ask with 'inputs'")
        }
        let width = tensor.bytes.count / count
        guard
          let part = Tensor(
            type: tensor.type, shape: tensor.shape.count > 1 ? Array(tensor.shape.dropFirst()) : [1],
            bytes: Array(tensor.bytes[(row * width)..<((row + 1) * width)]))
        else { throw OpenInferenceFault("'\(output.name)' can't be written") }
        parts.append("\(JSONTensor.quoted(output.name)):\(try JSONTensor.nested(part, name: output.name))")
      }
      rows.append("{\(parts.joined(separator: ","))}")
    }
    return "{\"predictions\":[\(rows.joined(separator: ","))]}"
  }

  /// Tensors for a server, as columns.
  public static func body(_ inputs: [NamedTensor]) throws(OpenInferenceFault) -> [UInt8] {
    var parts: [String] = []
    for input in inputs {
      parts.append(
        "\(JSONTensor.quoted(input.name)):\(try JSONTensor.nested(input.tensor, name: input.name))")
    }
    return Array("{\"inputs\":{\(parts.joined(separator: ","))}}".utf8)
  }

  /// A server's answer to `inputs`.
  public static func outputs(_ body: [UInt8], specs: [TensorSpec]) throws(OpenInferenceFault) -> [Tensor] {
    guard let json = try? JSONSerialization.jsonObject(with: Data(body)) as? [String: Any],
      let value = json["outputs"]
    else { throw OpenInferenceFault("the answer has no 'outputs'") }
    var tensors: [Tensor] = []
    for spec in specs {
      guard let part = (value as? [String: Any])?[spec.name] ?? (specs.count == 1 ? value : nil) else {
        throw OpenInferenceFault("the answer has no '\(spec.name)'")
      }
      tensors.append(try tensor(part, spec))
    }
    return tensors
  }
}

import Foundation

/// A graph in OpenVINO's intermediate representation, version 11: XML that lists operations of OpenVINO's published
/// operation sets and refers to a file of weights.
struct IRGraph {
  /// The result of an operation.
  struct Value {
    fileprivate var layer: Int
    fileprivate var port: Int
    fileprivate var type: String
    fileprivate var rank: Int
  }

  private var layers: [String] = []
  private var edges: [String] = []
  /// Constants of the graph, appended to the file of weights.
  private(set) var tail: [UInt8] = []
  private let weightCount: Int

  /// - Parameter weightCount: size of the file of weights, in bytes.
  init(weightCount: Int) {
    self.weightCount = weightCount
    // Alignment of 64-bit constants.
    tail = [UInt8](repeating: 0, count: (8 - weightCount % 8) % 8)
  }

  private static func port(_ number: Int, _ type: String, _ dimensions: [Int], names: String = "") -> String {
    let inside = dimensions.map { "<dim>\($0)</dim>" }.joined()
    return "<port id=\"\(number)\" precision=\"\(type)\"\(names)>\(inside)</port>"
  }

  private static func data(_ attributes: [(String, String)]) -> String {
    guard !attributes.isEmpty else { return "" }
    return "<data " + attributes.map { "\($0.0)=\"\($0.1)\"" }.joined(separator: " ") + "/>"
  }

  /// Adds an operation.
  ///
  /// - Parameters:
  ///   - type: the operation's name.
  ///   - set: its operation set.
  ///   - result: type and rank of the result.
  mutating func add(
    _ type: String, _ set: String, _ attributes: [(String, String)] = [], _ inputs: [Value],
    result: (type: String, rank: Int)
  ) -> Value {
    let id = layers.count
    for (index, input) in inputs.enumerated() {
      edges.append(
        "<edge from-layer=\"\(input.layer)\" from-port=\"\(input.port)\" to-layer=\"\(id)\" to-port=\"\(index)\"/>"
      )
    }
    let takes =
      inputs.isEmpty
      ? ""
      : "<input>"
        + inputs.enumerated().map {
          Self.port($0.offset, $0.element.type, [Int](repeating: -1, count: $0.element.rank))
        }.joined() + "</input>"
    let gives = Self.port(inputs.count, result.type, [Int](repeating: -1, count: result.rank))
    layers.append(
      "<layer id=\"\(id)\" name=\"n\(id)\" type=\"\(type)\" version=\"\(set)\">\(Self.data(attributes))\(takes)"
        + "<output>\(gives)</output></layer>")
    return Value(layer: id, port: inputs.count, type: result.type, rank: result.rank)
  }

  /// Adds an input of the model; −1 in `shape` marks dynamic dimensions.
  mutating func parameter(_ name: String, type: String, shape: [Int]) -> Value {
    let id = layers.count
    let dimensions = shape.map { $0 < 0 ? "?" : String($0) }.joined(separator: ",")
    layers.append(
      "<layer id=\"\(id)\" name=\"\(name)\" type=\"Parameter\" version=\"opset1\">"
        + Self.data([("shape", dimensions), ("element_type", type)]) + "<output>"
        + Self.port(0, type.uppercased(), shape, names: " names=\"\(name)\"") + "</output></layer>")
    return Value(layer: id, port: 0, type: type.uppercased(), rank: shape.count)
  }

  /// Adds a tensor of the file of weights.
  mutating func weight(_ entry: Safetensors.Entry) -> Value {
    constant(
      entry.type == "F16" ? "f16" : entry.type == "BF16" ? "bf16" : "f32", entry.shape, entry.offset,
      entry.size)
  }

  private mutating func constant(_ type: String, _ shape: [Int], _ offset: Int, _ size: Int) -> Value {
    let id = layers.count
    let precision = type == "f32" ? "FP32" : type == "f16" ? "FP16" : type.uppercased()
    layers.append(
      "<layer id=\"\(id)\" name=\"c\(id)\" type=\"Const\" version=\"opset1\">"
        + Self.data([
          ("element_type", type), ("shape", shape.map(String.init).joined(separator: ",")),
          ("offset", String(offset)),
          ("size", String(size)),
        ]) + "<output>\(Self.port(0, precision, shape))</output></layer>")
    return Value(layer: id, port: 0, type: precision, rank: shape.count)
  }

  mutating func constant(_ values: [Int64], isScalar: Bool = false) -> Value {
    let offset = weightCount + tail.count
    for value in values { withUnsafeBytes(of: value.littleEndian) { tail += $0 } }
    return constant("i64", isScalar ? [] : [values.count], offset, values.count * 8)
  }

  mutating func constant(_ value: Float) -> Value {
    let offset = weightCount + tail.count
    withUnsafeBytes(of: value.bitPattern.littleEndian) { tail += $0 }
    tail += [0, 0, 0, 0]
    return constant("f32", [], offset, 4)
  }

  /// Adds an output of the model.
  mutating func result(_ value: Value, name: String) {
    let id = layers.count
    edges.append(
      "<edge from-layer=\"\(value.layer)\" from-port=\"\(value.port)\" to-layer=\"\(id)\" to-port=\"0\"/>")
    layers.append(
      "<layer id=\"\(id)\" name=\"\(name)\" type=\"Result\" version=\"opset1\"><input>"
        + Self.port(0, value.type, [Int](repeating: -1, count: value.rank)) + "</input></layer>")
  }

  func xml(name: String) -> [UInt8] {
    Array(
      ("<?xml version=\"1.0\"?>\n<net name=\"\(name)\" version=\"11\">\n<layers>\n"
        + layers.joined(separator: "\n")
        + "\n</layers>\n<edges>\n" + edges.joined(separator: "\n") + "\n</edges>\n</net>\n").utf8)
  }
}

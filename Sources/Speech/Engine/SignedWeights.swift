import CSherpaOnnx

/// Converts a model in ONNX Runtime's own format from unsigned to signed 8-bit weights.
///
/// Such models have unsigned weights, as processors without dot products of bytes overflow on signed ones. Processors
/// with VNNI multiply unsigned by signed bytes in one instruction, unsigned by unsigned in several. ONNX Runtime
/// chooses by the type in the file and cannot change it in this format. A weight w with zero point z means (w − z) × scale;
/// 128 subtracted from both leaves the value unchanged: the model's results are identical, and decoding takes a fifth less
/// time.
///
/// Source: onnxruntime/core/flatbuffers/schema/ort.fbs (fields), docs/ContribOperators.md (inputs of the two operators).
public enum SignedWeights {
  /// Whether this processor is faster with signed weights and does not overflow.
  public static var areQuicker: Bool { csherpa_multiplies_signed_bytes() == 1 }

  /// Numbers of fields in the schema.
  private enum Field {
    static let model = 1
    static let graph = 7
    static let initializers = 0
    static let nodeArguments = 1
    static let nodes = 2
    static let tensorName = 0
    static let tensorType = 3
    static let tensorBytes = 4
    static let argumentName = 0
    static let argumentType = 2
    static let typeKind = 1
    static let typeValue = 2
    static let elementType = 0
    static let operation = 5
    static let nodeInputs = 8
    static let attributes = 10
    static let subgraph = 7
  }
  private static let unsigned = 2
  private static let signed: UInt8 = 3
  /// Indices of an operator's inputs for weights and zero point.
  private static let operators: [String: (weights: Int, zero: Int)] = [
    "DynamicQuantizeMatMul": (1, 3), "MatMulIntegerToFloat": (1, 5),
  ]

  /// - Returns: the bytes unchanged where they are no such model or have no such weights.
  public static func converted(_ bytes: [UInt8]) -> [UInt8] {
    guard bytes.count > 8, Array(bytes[4..<8]) == Array("ORTM".utf8),
      let graph = FlatBufferTable(file: bytes)?.table(Field.model)?.table(Field.graph)
    else { return bytes }
    var graphs: [FlatBufferTable] = []
    gather(graph, depth: 0, into: &graphs)
    var chosen = candidates(graphs)
    chosen.formIntersection(graphs.flatMap { unsignedTensors($0).map(\.name) })
    while let single = unpaired(chosen, graphs) { chosen.remove(single) }
    guard !chosen.isEmpty else { return bytes }

    var types: Set<Int> = []
    var values: [Range<Int>] = []
    for graph in graphs {
      for tensor in unsignedTensors(graph) where chosen.contains(tensor.name) {
        types.insert(tensor.type)
        values.append(tensor.bytes)
      }
      for argument in graph.tables(Field.nodeArguments) {
        guard chosen.contains(argument.text(Field.argumentName) ?? "") else { continue }
        let type = argument.table(Field.argumentType)
        let value = type?.table(Field.typeValue)
        guard type?.integer(Field.typeKind, width: 1) == 1,
          value?.integer(Field.elementType, width: 4) == unsigned,
          let offset = value?.offset(of: Field.elementType)
        else { return bytes }
        types.insert(offset)
      }
    }
    values.sort { $0.lowerBound < $1.lowerBound }
    guard zip(values, values.dropFirst()).allSatisfy({ $0.upperBound <= $1.lowerBound }) else { return bytes }
    var bytes = bytes
    for offset in types { bytes[offset] = signed }
    for range in values {
      for offset in range { bytes[offset] ^= 0x80 }
    }
    return bytes
  }

  /// Collects a graph and the graphs within its nodes, up to bounds that hold for real models.
  private static func gather(_ graph: FlatBufferTable, depth: Int, into graphs: inout [FlatBufferTable]) {
    guard depth < 4, graphs.count < 64 else { return }
    graphs.append(graph)
    for node in graph.tables(Field.nodes) {
      for attribute in node.tables(Field.attributes) {
        if let inner = attribute.table(Field.subgraph) { gather(inner, depth: depth + 1, into: &graphs) }
      }
    }
  }

  private static func unsignedTensors(_ graph: FlatBufferTable) -> [(
    name: String, type: Int, bytes: Range<Int>
  )] {
    graph.tables(Field.initializers).compactMap { tensor in
      guard tensor.integer(Field.tensorType, width: 4) == unsigned, let name = tensor.text(Field.tensorName),
        let type = tensor.offset(of: Field.tensorType),
        let bytes = tensor.elements(Field.tensorBytes, width: 1)
      else { return nil }
      return (name, type, bytes)
    }
  }

  /// Returns the names of tensors that are used as weights or zero points alone.
  private static func candidates(_ graphs: [FlatBufferTable]) -> Set<String> {
    var wanted: Set<String> = []
    var others: Set<String> = []
    for node in graphs.flatMap({ $0.tables(Field.nodes) }) {
      let slots = operators[node.text(Field.operation) ?? ""]
      for (index, name) in node.texts(Field.nodeInputs).enumerated() where !name.isEmpty {
        if let slots, index == slots.weights || index == slots.zero {
          wanted.insert(name)
        } else {
          others.insert(name)
        }
      }
    }
    return wanted.subtracting(others)
  }

  /// Returns a chosen tensor whose counterpart, weights or zero point, stays unsigned.
  private static func unpaired(_ chosen: Set<String>, _ graphs: [FlatBufferTable]) -> String? {
    for node in graphs.flatMap({ $0.tables(Field.nodes) }) {
      guard let slots = operators[node.text(Field.operation) ?? ""] else { continue }
      let names = node.texts(Field.nodeInputs)
      let pair = [slots.weights, slots.zero].map { names.indices.contains($0) ? names[$0] : "" }
      let inside = pair.filter { chosen.contains($0) }
      if inside.count == 1 { return inside[0] }
    }
    return nil
  }
}

import CSherpaOnnx

/// A model in ONNX Runtime's own format whose 8-bit weights become signed.
///
/// Such models come with unsigned weights, because processors without dot products of bytes overflow on signed ones. Those
/// with them (VNNI) multiply unsigned by signed in one instruction, and unsigned by unsigned in the old way. ONNX Runtime
/// decides by the type that it finds and can't change it in this format. A weight w with zero point z means (w − z) × scale;
/// taking 128 from both means the same, exactly: what the model says does not change by a bit, and it costs a fifth less.
///
/// Source: onnxruntime/core/flatbuffers/schema/ort.fbs (fields), docs/ContribOperators.md (inputs of the two operators).
public enum SignedWeights {
  /// Whether this processor is the quicker for it, and does not overflow.
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
  /// The inputs of an operator that are weights and their zero point.
  private static let operators: [String: (weights: Int, zero: Int)] = [
    "DynamicQuantizeMatMul": (1, 3), "MatMulIntegerToFloat": (1, 5),
  ]

  /// - Returns: as they are, when the bytes are no such model or have no such weights.
  public static func converted(_ bytes: [UInt8]) -> [UInt8] {
    guard bytes.count > 8, Array(bytes[4..<8]) == Array("ORTM".utf8),
      let graph = FlatTable(file: bytes)?.table(Field.model)?.table(Field.graph)
    else { return bytes }
    var graphs: [FlatTable] = []
    gather(graph, depth: 0, into: &graphs)
    var chosen = candidates(graphs)
    chosen.formIntersection(graphs.flatMap { unsignedTensors($0).map(\.name) })
    while let odd = unpaired(chosen, graphs) { chosen.remove(odd) }
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
          let place = value?.place(Field.elementType)
        else { return bytes }
        types.insert(place)
      }
    }
    values.sort { $0.lowerBound < $1.lowerBound }
    guard zip(values, values.dropFirst()).allSatisfy({ $0.upperBound <= $1.lowerBound }) else { return bytes }
    var bytes = bytes
    for place in types { bytes[place] = signed }
    for range in values {
      for place in range { bytes[place] ^= 0x80 }
    }
    return bytes
  }

  /// A graph and those within its nodes, as many as a model may have.
  private static func gather(_ graph: FlatTable, depth: Int, into graphs: inout [FlatTable]) {
    guard depth < 4, graphs.count < 64 else { return }
    graphs.append(graph)
    for node in graph.tables(Field.nodes) {
      for attribute in node.tables(Field.attributes) {
        if let inner = attribute.table(Field.subgraph) { gather(inner, depth: depth + 1, into: &graphs) }
      }
    }
  }

  private static func unsignedTensors(_ graph: FlatTable) -> [(name: String, type: Int, bytes: Range<Int>)] {
    graph.tables(Field.initializers).compactMap { tensor in
      guard tensor.integer(Field.tensorType, width: 4) == unsigned, let name = tensor.text(Field.tensorName),
        let type = tensor.place(Field.tensorType), let bytes = tensor.elements(Field.tensorBytes, width: 1)
      else { return nil }
      return (name, type, bytes)
    }
  }

  /// What is used as weights or their zero point, and as nothing else.
  private static func candidates(_ graphs: [FlatTable]) -> Set<String> {
    var wanted: Set<String> = []
    var others: Set<String> = []
    for node in graphs.flatMap({ $0.tables(Field.nodes) }) {
      let slots = operators[node.text(Field.operation) ?? ""]
      for (place, name) in node.texts(Field.nodeInputs).enumerated() where !name.isEmpty {
        if let slots, place == slots.weights || place == slots.zero {
          wanted.insert(name)
        } else {
          others.insert(name)
        }
      }
    }
    return wanted.subtracting(others)
  }

  /// One of a pair, weights and zero point, of which the other stays unsigned.
  private static func unpaired(_ chosen: Set<String>, _ graphs: [FlatTable]) -> String? {
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

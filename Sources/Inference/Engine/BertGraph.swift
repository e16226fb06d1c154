import Foundation

/// Converts a sentence embedder in the form of weights (`model.safetensors` and `config.json`, the files of
/// sentence-transformers) to a graph for OpenVINO. The graph refers to the unchanged file of weights.
///
/// The network is BERT's encoder (Devlin et al., 2019), followed by the normalised mean over a text's tokens (Reimers and
/// Gurevych, "Sentence-BERT", 2019).
struct BertGraph {
  private struct Settings: Decodable {
    var modelType: String
    var hiddenAct: String
    var hiddenSize: Int
    var layerNormEps: Double
    var maxPositionEmbeddings: Int
    var numAttentionHeads: Int
    var numHiddenLayers: Int
  }

  private let settings: Settings
  private let weights: Safetensors
  private var graph: IRGraph

  /// The two files of an IR that replace the weights, and the lengths that the graph takes.
  struct Generated {
    var files: [ModelPackage.File]
    var rules: DimensionRules
  }

  /// - Returns: nil for files of other formats.
  static func files(_ files: [ModelPackage.File], name: String) throws(InferenceError) -> Generated? {
    guard let model = files.first, model.name.hasSuffix(".safetensors") else { return nil }
    guard let config = files.first(where: { $0.name == "config.json" }) else {
      throw InferenceError(.model, "the weights of '\(name)' need a config.json")
    }
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    guard let settings = try? decoder.decode(Settings.self, from: Data(config.bytes)),
      settings.modelType == "bert",
      settings.hiddenAct == "gelu", (1...64).contains(settings.numHiddenLayers),
      (1...64).contains(settings.numAttentionHeads), (1...65_536).contains(settings.hiddenSize),
      settings.hiddenSize % settings.numAttentionHeads == 0, settings.layerNormEps >= 0
    else {
      throw InferenceError(.model, "config.json of '\(name)' does not describe a BERT encoder with GELU")
    }
    let weights = try Safetensors(model.bytes)
    var made = BertGraph(
      settings: settings, weights: weights, graph: IRGraph(weightCount: model.bytes.count))
    try made.build()
    return Generated(
      files: [
        ModelPackage.File(name: "model.xml", bytes: made.graph.xml(name: "encoder")),
        ModelPackage.File(name: "model.bin", bytes: model.bytes + made.graph.tail),
      ], rules: try made.rules())
  }

  /// Whether a package is converted, so that its rows are texts that do not affect each other.
  static func converts(_ files: [ModelPackage.File]) -> Bool {
    files.first?.name.hasSuffix(".safetensors") == true
  }

  /// One row for each text, as many tokens in both inputs as there are positions at most, and tokens of the vocabulary.
  ///
  /// OpenVINO gathers zeros for others.
  private func rules() throws(InferenceError) -> DimensionRules {
    func rows(_ name: String) throws(InferenceError) -> Int {
      guard let count = (weights.entries[name] ?? weights.entries["bert." + name])?.shape.first, count > 0
      else { throw InferenceError(.model, "the weights lack '\(name)'") }
      return count
    }
    let positions = try rows("embeddings.position_embeddings.weight")
    let words = try rows("embeddings.word_embeddings.weight")
    var rules = DimensionRules(
      inputs: [["text", "token"], ["text", "token"]], outputs: [["text", nil]])
    rules.maxima = ["token": min(positions, settings.maxPositionEmbeddings)]
    rules.values = [0: 0...Int64(words - 1)]
    rules.isComplete = true
    return rules
  }

  private mutating func weight(_ name: String, rank: Int) throws(InferenceError) -> IRGraph.Value {
    guard let entry = weights.entries[name] ?? weights.entries["bert." + name], entry.shape.count == rank,
      ["F32", "F16", "BF16"].contains(entry.type)
    else { throw InferenceError(.model, "the weights lack '\(name)'") }
    let value = graph.weight(entry)
    guard entry.type != "F32" else { return value }
    return graph.add(
      "Convert", "opset1", [("destination_type", "f32")], [value], result: ("FP32", rank))
  }

  private mutating func sum(_ a: IRGraph.Value, _ b: IRGraph.Value, rank: Int) -> IRGraph.Value {
    graph.add("Add", "opset1", [("auto_broadcast", "numpy")], [a, b], result: ("FP32", rank))
  }

  private mutating func product(_ a: IRGraph.Value, _ b: IRGraph.Value, rank: Int) -> IRGraph.Value {
    graph.add("Multiply", "opset1", [("auto_broadcast", "numpy")], [a, b], result: ("FP32", rank))
  }

  private mutating func matrix(
    _ a: IRGraph.Value, _ b: IRGraph.Value, rank: Int, transposed: Bool
  ) -> IRGraph.Value {
    graph.add(
      "MatMul", "opset1", [("transpose_a", "false"), ("transpose_b", transposed ? "true" : "false")], [a, b],
      result: ("FP32", rank))
  }

  /// x·Wᵀ + b
  private mutating func dense(_ x: IRGraph.Value, _ name: String) throws(InferenceError) -> IRGraph.Value {
    let turned = matrix(x, try weight(name + ".weight", rank: 2), rank: 3, transposed: true)
    return sum(turned, try weight(name + ".bias", rank: 1), rank: 3)
  }

  private mutating func normalised(_ x: IRGraph.Value, _ name: String) throws(InferenceError) -> IRGraph.Value
  {
    let last = graph.constant([-1])
    let even = graph.add(
      "MVN", "opset6",
      [
        ("normalize_variance", "true"), ("eps", String(settings.layerNormEps)), ("eps_mode", "inside_sqrt"),
      ], [x, last], result: ("FP32", 3))
    let scaled = product(even, try weight(name + ".weight", rank: 1), rank: 3)
    return sum(scaled, try weight(name + ".bias", rank: 1), rank: 3)
  }

  /// [batch, token, hidden] to [batch, head, token, hidden of the head]
  private mutating func heads(_ x: IRGraph.Value) -> IRGraph.Value {
    let count = settings.numAttentionHeads
    let shape = graph.constant([0, 0, Int64(count), Int64(settings.hiddenSize / count)])
    let split = graph.add("Reshape", "opset1", [("special_zero", "true")], [x, shape], result: ("FP32", 4))
    let order = graph.constant([0, 2, 1, 3])
    return graph.add("Transpose", "opset1", [], [split, order], result: ("FP32", 4))
  }

  private mutating func build() throws(InferenceError) {
    let ids = graph.parameter("input_ids", type: "i64", shape: [-1, -1])
    let mask = graph.parameter("attention_mask", type: "i64", shape: [-1, -1])
    let real = graph.add("Convert", "opset1", [("destination_type", "f32")], [mask], result: ("FP32", 2))
    var x = try embeddings(ids)

    // Padding gets −10,000 before the softmax, as in BERT's training.
    let axes = graph.constant([1, 2])
    let spread = graph.add("Unsqueeze", "opset1", [], [real, axes], result: ("FP32", 4))
    let (one, penalty) = (graph.constant(Float(1)), graph.constant(Float(-10_000)))
    let absent = graph.add(
      "Subtract", "opset1", [("auto_broadcast", "numpy")], [one, spread], result: ("FP32", 4))
    let bias = product(absent, penalty, rank: 4)
    for number in 0..<settings.numHiddenLayers { x = try layer(x, bias, "encoder.layer.\(number)") }
    graph.result(pooled(x, real), name: "embedding")
  }

  private mutating func embeddings(_ ids: IRGraph.Value) throws(InferenceError) -> IRGraph.Value {
    let first = graph.constant([0], isScalar: true)
    let words = graph.add(
      "Gather", "opset8", [("batch_dims", "0")],
      [try weight("embeddings.word_embeddings.weight", rank: 2), ids, first], result: ("FP32", 3))
    let shape = graph.add("ShapeOf", "opset3", [("output_type", "i64")], [ids], result: ("I64", 1))
    let second = graph.constant([1], isScalar: true)
    let length = graph.add(
      "Gather", "opset8", [("batch_dims", "0")], [shape, second, first], result: ("I64", 0))
    let indices = graph.add(
      "Range", "opset4", [("output_type", "i64")], [first, length, second], result: ("I64", 1))
    let positions = graph.add(
      "Gather", "opset8", [("batch_dims", "0")],
      [try weight("embeddings.position_embeddings.weight", rank: 2), indices, first], result: ("FP32", 2))
    // All tokens belong to the first sentence.
    let kind = graph.add(
      "Gather", "opset8", [("batch_dims", "0")],
      [try weight("embeddings.token_type_embeddings.weight", rank: 2), first, first], result: ("FP32", 1))
    let all = sum(sum(words, positions, rank: 3), kind, rank: 3)
    return try normalised(all, "embeddings.LayerNorm")
  }

  private mutating func layer(
    _ x: IRGraph.Value, _ bias: IRGraph.Value, _ name: String
  ) throws(InferenceError) -> IRGraph.Value {
    let query = heads(try dense(x, name + ".attention.self.query"))
    let key = heads(try dense(x, name + ".attention.self.key"))
    let value = heads(try dense(x, name + ".attention.self.value"))
    let width = Float(settings.hiddenSize / settings.numAttentionHeads)
    let scale = graph.constant(1 / width.squareRoot())
    let likeness = product(matrix(query, key, rank: 4, transposed: true), scale, rank: 4)
    let shares = graph.add(
      "SoftMax", "opset8", [("axis", "-1")], [sum(likeness, bias, rank: 4)], result: ("FP32", 4))
    let mixed = matrix(shares, value, rank: 4, transposed: false)
    let order = graph.constant([0, 2, 1, 3])
    let back = graph.add("Transpose", "opset1", [], [mixed, order], result: ("FP32", 4))
    let shape = graph.constant([0, 0, Int64(settings.hiddenSize)])
    let joined = graph.add(
      "Reshape", "opset1", [("special_zero", "true")], [back, shape], result: ("FP32", 3))
    let attended = try dense(joined, name + ".attention.output.dense")
    let middle = try normalised(sum(attended, x, rank: 3), name + ".attention.output.LayerNorm")
    let wide = try dense(middle, name + ".intermediate.dense")
    let bent = graph.add("Gelu", "opset7", [("approximation_mode", "ERF")], [wide], result: ("FP32", 3))
    let narrow = try dense(bent, name + ".output.dense")
    return try normalised(sum(narrow, middle, rank: 3), name + ".output.LayerNorm")
  }

  /// The normalised mean over all tokens without padding.
  private mutating func pooled(_ x: IRGraph.Value, _ mask: IRGraph.Value) -> IRGraph.Value {
    let last = graph.constant([-1])
    let column = graph.add("Unsqueeze", "opset1", [], [mask, last], result: ("FP32", 3))
    let axis = graph.constant([1])
    let total = graph.add(
      "ReduceSum", "opset1", [("keep_dims", "false")], [product(x, column, rank: 3), axis],
      result: ("FP32", 2))
    // Normalisation makes the sum equivalent to the mean.
    return graph.add(
      "NormalizeL2", "opset1", [("eps", "1e-12"), ("eps_mode", "max")], [total, axis], result: ("FP32", 2))
  }
}

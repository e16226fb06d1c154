/// Relations between the lengths of a model's tensors that its file declares: dimensions of one name have one length.
struct DimensionRules: Sendable {
  /// Names of the dimensions of each input and output; empty for a tensor without names.
  var inputs: [[String?]]
  var outputs: [[String?]]
  /// The greatest length of a dimension, by its name.
  var maxima: [String: Int] = [:]
  /// The numbers that an input may contain, by its index.
  var values: [Int: ClosedRange<Int64>] = [:]
  /// Whether the names and lengths of the outputs determine their shapes, and every input that follows the rules can be run.
  var isComplete = false

  /// The rules of a model without names.
  static let none = DimensionRules(inputs: [], outputs: [])

  /// Compares the lengths of inputs with the rules.
  ///
  /// - Returns: the length of each name.
  /// - Throws: `InferenceError` of kind `input`.
  func lengths(of shapes: [[Int]], _ specs: [TensorSpec]) throws(InferenceError) -> [String: Int] {
    var lengths: [String: (length: Int, input: String)] = [:]
    for (index, (shape, names)) in zip(shapes, inputs).enumerated() {
      for (length, name) in zip(shape, names) {
        guard let name else { continue }
        let input = index < specs.count ? specs[index].name : "\(index)"
        if let maximum = maxima[name], length > maximum {
          throw InferenceError(
            .input,
            "the input '\(input)' of shape \(shape) is too long: its dimension '\(name)' has at most \(maximum)"
          )
        }
        if let known = lengths[name], known.length != length {
          throw InferenceError(
            .input,
            "the input '\(input)' of shape \(shape) does not fit '\(known.input)': the model declares one length '\(name)' for both, and it is \(length) and \(known.length)"
          )
        }
        if lengths[name] == nil { lengths[name] = (length, input) }
      }
    }
    return lengths.mapValues(\.length)
  }

  /// The shapes of the outputs; -1 for lengths that the rules leave open.
  func outputShapes(_ lengths: [String: Int], _ specs: [TensorSpec]) -> [[Int]] {
    specs.enumerated().map { index, spec in
      spec.shape.enumerated().map { axis, length in
        guard length < 0, index < outputs.count, axis < outputs[index].count, let name = outputs[index][axis]
        else { return length }
        return lengths[name] ?? -1
      }
    }
  }

  /// - Throws: `InferenceError` of kind `input` for a number that the model has no element for.
  func checkValues(_ view: TensorView, at index: Int, _ spec: TensorSpec) throws(InferenceError) {
    guard let range = values[index], view.type == .int64 else { return }
    let count = view.bytes.count / 8
    for position in 0..<count {
      let value = view.bytes.loadUnaligned(fromByteOffset: position * 8, as: Int64.self)
      guard range.contains(value) else {
        throw InferenceError(
          .input,
          "the input '\(spec.name)' has \(value) at index \(position); the model has \(range.lowerBound) to \(range.upperBound)"
        )
      }
    }
  }
}

extension DimensionRules {
  /// The names of dimensions in an ONNX file.
  init(_ facts: ONNXFacts, inputs: [TensorSpec], outputs: [TensorSpec]) {
    func names(_ spec: TensorSpec, _ known: [String: [String?]]) -> [String?] {
      guard let names = known[spec.name], names.count == spec.shape.count else { return [] }
      return names
    }
    self.init(
      inputs: inputs.map { names($0, facts.inputs) }, outputs: outputs.map { names($0, facts.outputs) })
  }
}

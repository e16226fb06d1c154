import Inference

/// The tensors of a model on a server, in the order in which this program uses them: that of the model in this process or
/// of the manifest, because a server may list them in another one.
struct RemoteSpecs: Sendable {
  var inputs: [TensorSpec]
  var outputs: [TensorSpec]

  /// Returns the server's tensors in the order of others of the same names.
  ///
  /// - Parameter origin: of the others, for errors.
  func ordered(
    like other: RemoteSpecs, of origin: String
  ) throws(OpenInferenceError) -> RemoteSpecs {
    RemoteSpecs(
      inputs: try Self.order(inputs, like: other.inputs, "inputs", origin),
      outputs: try Self.order(outputs, like: other.outputs, "outputs", origin))
  }

  private static func order(
    _ given: [TensorSpec], like wanted: [TensorSpec], _ side: String, _ origin: String
  ) throws(OpenInferenceError) -> [TensorSpec] {
    // A manifest need not declare tensors.
    guard !wanted.isEmpty else { return given }
    var list: [TensorSpec] = []
    for spec in wanted {
      guard let found = given.first(where: { $0.name == spec.name }), found.type == spec.type,
        found.shape.count == spec.shape.count,
        zip(found.shape, spec.shape).allSatisfy({ $0 == $1 || $0 == -1 || $1 == -1 })
      else { break }
      list.append(found)
    }
    guard list.count == given.count, list.count == wanted.count else {
      func text(_ list: [TensorSpec]) -> String { list.map(\.description).joined(separator: ", ") }
      throw OpenInferenceError(
        "the server's model has the \(side) \(text(given)), but \(origin) has \(text(wanted))")
    }
    return list
  }

  /// Returns the tensors of an answer in the order of the outputs.
  ///
  /// - Parameter keepsRows: whether outputs have as many rows as the inputs, where the first dimension is open.
  /// - Throws: an error for missing, repeated and unknown names, and for other types, shapes and numbers of rows.
  func outputs(
    _ given: [NamedTensor], for inputTensors: [Tensor], keepsRows: Bool
  ) throws(OpenInferenceError) -> [Tensor] {
    for named in given where !outputs.contains(where: { $0.name == named.name }) {
      throw OpenInferenceError("the answer has '\(named.name)', which the server's metadata does not list")
    }
    let rows = keepsRows ? rows(of: inputTensors) : nil
    var results: [Tensor] = []
    for spec in outputs {
      let fitting = given.filter { $0.name == spec.name }
      guard fitting.count == 1, let tensor = fitting.first?.tensor else {
        throw OpenInferenceError(
          "the answer has '\(spec.name)' \(fitting.count) times, and has to have it once")
      }
      guard tensor.type == spec.type else {
        throw OpenInferenceError(
          "the answer's '\(spec.name)' is of type \(tensor.type.rawValue); the metadata has \(spec.type.rawValue)"
        )
      }
      guard tensor.shape.count == spec.shape.count,
        zip(tensor.shape, spec.shape).allSatisfy({ $0 == $1 || $1 == -1 })
      else {
        throw OpenInferenceError(
          "the answer's '\(spec.name)' has the shape \(tensor.shape); the metadata has \(spec)")
      }
      if let rows, spec.shape.first == -1, tensor.shape.first != rows {
        throw OpenInferenceError(
          "the answer's '\(spec.name)' has \(tensor.shape[0]) rows for \(rows) of the request; for a model whose outputs have any number of rows, set 'same_rows: false' in its 'remote'"
        )
      }
      results.append(tensor)
    }
    return results
  }

  /// The rows of a request; nil for models whose first dimensions are not all open, and for inputs of different lengths.
  private func rows(of tensors: [Tensor]) -> Int? {
    guard let rows = tensors.first?.shape.first, inputs.allSatisfy({ $0.shape.first == -1 }),
      tensors.allSatisfy({ $0.shape.first == rows })
    else { return nil }
    return rows
  }
}

extension ModelManifest {
  /// Compares the tensors of an opened model with those that the manifest declares.
  ///
  /// - Throws: `InferenceError` of kind `model` when they differ.
  func check(_ session: any ModelSession) throws(InferenceError) {
    for (direction, declared, found) in [
      ("inputs", inputs, session.inputs), ("outputs", outputs, session.outputs),
    ] where !declared.isEmpty {
      let isSame =
        declared.count == found.count
        && zip(declared, found).allSatisfy { one, other in
          one.type == other.type && one.shape.count == other.shape.count
            && zip(one.shape, other.shape).allSatisfy { $0 == $1 || $0 == -1 || $1 == -1 }
        }
      guard isSame else {
        func text(_ list: [TensorSpec]) -> String { list.map(\.description).joined(separator: ", ") }
        throw InferenceError(
          .model,
          "the model '\(name)' has the \(direction) \(text(found)), but its manifest declares \(text(declared))"
        )
      }
    }
  }
}

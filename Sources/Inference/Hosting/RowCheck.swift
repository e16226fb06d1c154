/// Tests whether the rows of a model's tensors affect each other, by runs on random numbers.
public enum RowCheck {
  /// Difference of floating-point results that another order of additions explains, as a share of the largest result.
  private static let tolerance = 1e-3
  private static let lengths = [1, 2, 4, 8, 16, 32, 64, 128, 224, 256, 512, 1600, 16_000]

  /// Runs several rows together and each by itself.
  ///
  /// - Throws: `InferenceError` of kind `model` when results differ, and when no shape is found on which the model runs.
  public static func check(_ session: any ModelSession) async throws(InferenceError) {
    guard !session.inputs.isEmpty, !session.outputs.isEmpty else {
      throw InferenceError(.model, "a model without inputs or outputs has no batch")
    }
    for spec in session.inputs + session.outputs where spec.shape.first != -1 {
      throw InferenceError(.model, "the tensor \(spec) has no open first dimension, so it has no batch")
    }
    var random = Random()
    guard let length = await usableLength(session, &random) else {
      throw InferenceError(.model, "no shape is found on which the model runs, so its rows can't be tested")
    }
    for rows in [2, 3, 5] {
      for scale in [1.0, 9, 100] {
        let inputs = tensors(session.inputs, rows: rows, length, scale, &random)
        // Numbers of this size may be no valid input; those of the first size are.
        if scale > 1, (try? await session.infer(inputs)) == nil { continue }
        try await compare(session, inputs, rows)
      }
    }
  }

  private static func compare(
    _ session: any ModelSession, _ inputs: [Tensor], _ rows: Int
  ) async throws(InferenceError) {
    let together = try await session.infer(inputs)
    for (output, spec) in zip(together, session.outputs) where output.shape.first != rows {
      throw InferenceError(
        .model, "the output '\(spec.name)' has the shape \(output.shape) for \(rows) rows of inputs")
    }
    // Of the largest number of each output: an output of small numbers is compared as closely.
    let limits = together.map { output in
      tolerance * max(1e-30, output.numbers.lazy.filter(\.isFinite).map(abs).max() ?? 0)
    }
    for row in 0..<rows {
      let alone = try await session.infer(inputs.compactMap { part($0, row, of: rows) })
      for (index, spec) in session.outputs.enumerated() {
        let (left, right) = (part(together[index], row, of: rows)?.numbers ?? [], alone[index].numbers)
        let isSame =
          left.count == right.count
          && zip(left, right).allSatisfy { one, other in
            one == other || (one.isNaN && other.isNaN)
              || (!spec.type.isInteger && abs(one - other) <= limits[index])
          }
        guard isSame else {
          throw InferenceError(
            .model,
            "the rows of the model affect each other: the output '\(spec.name)' of row \(row) differs when \(rows) rows run together"
          )
        }
      }
    }
  }

  private static func usableLength(_ session: any ModelSession, _ random: inout Random) async -> Int? {
    for length in lengths {
      let inputs = tensors(session.inputs, rows: 2, length, 1, &random)
      if (try? await session.infer(inputs)) != nil { return length }
    }
    return nil
  }

  private static func part(_ tensor: Tensor, _ row: Int, of rows: Int) -> Tensor? {
    let width = tensor.bytes.count / rows
    let shape = [1] + tensor.shape.dropFirst()
    return Tensor(
      type: tensor.type, shape: shape, bytes: Array(tensor.bytes[(row * width)..<((row + 1) * width)]))
      ?? Tensor(empty: tensor.type, shape: shape)
  }

  private static func tensors(
    _ specs: [TensorSpec], rows: Int, _ length: Int, _ scale: Double, _ random: inout Random
  ) -> [Tensor] {
    var tensors: [Tensor] = []
    for spec in specs {
      let shape = [rows] + spec.shape.dropFirst().map { $0 < 0 ? length : $0 }
      let size = Tensor.size(spec.type, shape) ?? 0
      // A model of huge tensors is not tried on them.
      guard size > 0, size <= 64 << 20 else { continue }
      let numbers = (0..<(size / spec.type.width)).map { _ in
        let share = Double.random(in: 0..<1, using: &random)
        return spec.type.isInteger || spec.type == .bool
          ? (share * (scale + 1)).rounded(.down) : (share * 2 - 1) * scale
      }
      if let tensor = Tensor(type: spec.type, shape: shape, numbers: numbers) { tensors.append(tensor) }
    }
    return tensors
  }

  /// SplitMix64 (Steele, Lea, Flood 2014) with a constant seed, so that a test repeats.
  private struct Random: RandomNumberGenerator {
    private var state: UInt64 = 42

    mutating func next() -> UInt64 {
      state &+= 0x9e37_79b9_7f4a_7c15
      var z = state
      z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
      z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
      return z ^ (z >> 31)
    }
  }
}

extension ModelPackage {
  /// Whether the manifest, or the graph that is generated for the model, makes the first dimension a batch.
  var hasIndependentRows: Bool { manifest.isBatch || BertGraph.converts(files) }
}

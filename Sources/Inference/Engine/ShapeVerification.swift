import COpenVINO
import Synchronization

/// Verifies the shapes of inputs before a model runs on them: OpenVINO does not check lengths inside of a compiled model, and
/// reads memory beyond a tensor, or keeps the outputs of an earlier run, where they do not fit.
///
/// Results are kept by shape, up to a number.
final class ShapeVerification: Sendable {
  /// Shapes that fit a model.
  struct Verified: Sendable {
    /// The shapes of the outputs; nil for one that depends on the values of the inputs.
    var outputs: [[Int]?]
    /// Whether shapes inside of the model depend on the values of the inputs, so that only a run shows whether they fit.
    var dependsOnValues: Bool
  }
  private struct State {
    var results: [[[Int]]: Result<Verified, InferenceError>] = [:]
    /// The shapes, the one that was used longest ago first.
    var order: [[[Int]]] = []
  }

  static let capacity = 256
  private let library: OpenVINOLibrary
  private let model: OpenVINOModel
  private let inputs: [TensorSpec]
  private let outputs: [TensorSpec]
  private let rules: DimensionRules
  /// The result for all shapes, of a model whose inputs have no open dimension.
  private let constant: Verified?
  private let state = Mutex(State())

  init(
    _ library: OpenVINOLibrary, _ model: OpenVINOModel, inputs: [TensorSpec], outputs: [TensorSpec],
    rules: DimensionRules
  ) {
    self.library = library
    self.model = model
    self.inputs = inputs
    self.outputs = outputs
    self.rules = rules
    let isFixed = inputs.allSatisfy { !$0.shape.contains(-1) }
    constant =
      isFixed
      ? Verified(
        outputs: outputs.map { $0.shape.contains(-1) ? nil : $0.shape },
        dependsOnValues: covino_has_open_shapes(model.pointer) != 0) : nil
    if isFixed || rules.isComplete { covino_model_settle(model.pointer) }
  }

  /// The number of shapes whose results are kept.
  var count: Int { state.withLock { $0.results.count } }

  /// - Throws: `InferenceError` of kind `input` for shapes that do not fit the model.
  func check(_ shapes: [[Int]]) throws(InferenceError) -> Verified {
    if let constant { return constant }
    return try state.withLock { state -> Result<Verified, InferenceError> in
      if let known = state.results[shapes] {
        // Shapes that one client varies do not displace those in use.
        if state.order.last != shapes, let index = state.order.lastIndex(of: shapes) {
          state.order.append(state.order.remove(at: index))
        }
        return known
      }
      let result: Result<Verified, InferenceError>
      do throws(InferenceError) { result = .success(try verify(shapes)) } catch { result = .failure(error) }
      if state.order.count >= Self.capacity { state.results[state.order.removeFirst()] = nil }
      state.order.append(shapes)
      state.results[shapes] = result
      return result
    }.get()
  }

  private func verify(_ shapes: [[Int]]) throws(InferenceError) -> Verified {
    let lengths = try rules.lengths(of: shapes, inputs)
    if rules.isComplete {
      let known = rules.outputShapes(lengths, outputs)
      return Verified(outputs: known.map { $0.contains(-1) ? nil : $0 }, dependsOnValues: false)
    }
    // A failure for another reason than the shapes, which would be kept, does not repeat.
    do throws(InferenceError) { return try inferred(shapes) } catch { return try inferred(shapes) }
  }

  /// The shapes that OpenVINO infers. Only under the lock: the model's source takes one user.
  private func inferred(_ shapes: [[Int]]) throws(InferenceError) -> Verified {
    let given = shapes.map(covino_shape.init)
    var found = [covino_shape](repeating: covino_shape(), count: outputs.count)
    var isOpen: Int32 = 0
    let list = zip(inputs, shapes).map { "'\($0.name)' \($1)" }.joined(separator: ", ")
    try library.call(.input, "the shapes of the inputs do not fit the model (\(list))") { _ in
      covino_infer_shapes(model.pointer, given, &found, &isOpen)
    }
    return Verified(
      outputs: found.map { $0.rank < 0 || $0.lengths.contains(-1) ? nil : $0.lengths },
      dependsOnValues: isOpen != 0)
  }

  /// Whether shapes inside of the model depend on values of its inputs, judged by the first lengths that fit; nil when none
  /// of those that are tried fits.
  func dependsOnValues() -> Bool? {
    if let constant { return constant.dependsOnValues }
    if rules.isComplete { return false }
    for length in [32, 1, 4, 16, 64, 128, 224, 512, 1600, 16_000] {
      let shapes = inputs.map { spec in
        spec.shape.enumerated().map { $1 >= 0 ? $1 : $0 == 0 && spec.shape.count > 1 ? 1 : length }
      }
      let isOpen = state.withLock { _ in (try? inferred(shapes))?.dependsOnValues }
      if let isOpen { return isOpen }
    }
    return nil
  }
}

extension covino_shape {
  init(_ lengths: [Int]) {
    self.init()
    rank = Int32(clamping: lengths.count)
    withUnsafeMutableBytes(of: &dimensions) { raw in
      let target = raw.bindMemory(to: Int64.self)
      for (index, length) in lengths.prefix(target.count).enumerated() { target[index] = Int64(length) }
    }
  }

  var lengths: [Int] {
    withUnsafeBytes(of: dimensions) { raw in
      raw.bindMemory(to: Int64.self).prefix(Int(max(rank, 0))).map { Int($0) }
    }
  }
}

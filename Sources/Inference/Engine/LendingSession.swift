/// A tensor in memory of others: little-endian, in row-major order.
struct TensorView {
  var type: ElementType
  var shape: [Int]
  /// As many as type and shape need.
  var bytes: UnsafeRawBufferPointer

  /// The tensor with a copy of the bytes; nil when their number does not match.
  var tensor: Tensor? {
    shape.contains(0)
      ? Tensor(empty: type, shape: shape) : Tensor(type: type, shape: shape, bytes: Array(bytes))
  }
}

/// A session that runs on tensors where they are, on the calling thread.
protocol LendingSession: ModelSession {
  /// - Parameter views: in the order of `inputs`; none is empty.
  func infer(lent views: [TensorView]) throws(InferenceError) -> [Tensor]
}

import COpenVINO

/// An inference request and its queue.
///
/// Outputs count only when they come from this run: their memory is filled before it, and they must have the verified shapes
/// after it. Where a shape is not known before, each run has a request of its own, which holds no earlier outputs.
///
/// `@unchecked Sendable`: only the queue uses the request.
final class OpenVINOLane: @unchecked Sendable {
  let queue = InferenceQueue()
  private let library: OpenVINOLibrary
  private let request: OpaquePointer
  /// Freed after the request.
  private let model: OpenVINOModel
  private let inputs: [TensorSpec]
  private let outputs: [TensorSpec]
  /// Whether the last run failed, after which OpenVINO may return its outputs for another input.
  private var isSuspect = false
  /// Inputs up to this size are copied, larger ones lent.
  static let smallBytes = 4096

  init(
    _ library: OpenVINOLibrary, _ model: OpenVINOModel, name: String, inputs: [TensorSpec],
    outputs: [TensorSpec]
  ) throws(InferenceError) {
    var request: OpaquePointer?
    try library.call(.model, "the model '\(name)' cannot be run") { _ in
      covino_request_create(model.pointer, &request)
    }
    guard let request else { throw InferenceError(.model, "the model '\(name)' cannot be run") }
    self.request = request
    self.library = library
    self.model = model
    self.inputs = inputs
    self.outputs = outputs
  }

  deinit { covino_request_free(request) }

  /// - Parameters:
  ///   - views: in the order of the inputs; none is empty.
  ///   - verified: the result of their shapes.
  func run(
    _ views: [TensorView], _ verified: ShapeVerification.Verified
  ) throws(InferenceError) -> [Tensor] {
    if isSuspect || verified.outputs.contains(nil) {
      guard covino_request_renew(request) == 0 else {
        throw fault(.failed, "the model cannot be prepared for another run")
      }
      isSuspect = false
    }
    for (index, shape) in verified.outputs.enumerated() {
      guard let shape else { continue }
      var given = covino_shape(shape)
      guard covino_request_expect(request, index, outputs[index].type.number, &given) == 0 else {
        throw fault(.failed, "the output '\(outputs[index].name)' of shape \(shape) gets no memory")
      }
    }
    for (index, view) in views.enumerated() { try lend(view, at: index) }
    do throws(InferenceError) {
      try start()
      if let results = try results() { return results }
      // An output may equal the bytes that filled it. The next run is filled with others.
      try start()
      if let results = try results() { return results }
      throw InferenceError(.failed, "the model wrote no output for this input")
    } catch {
      isSuspect = true
      throw error
    }
  }

  private func start() throws(InferenceError) {
    guard covino_infer(request) == 0 else { throw fault(.failed, "the model cannot run on this input") }
  }

  /// - Returns: nil when an output was not written.
  private func results() throws(InferenceError) -> [Tensor]? {
    var results: [Tensor] = []
    var isUntouched = false
    for (index, spec) in outputs.enumerated() {
      var view = covino_tensor()
      switch covino_request_output(request, index, &view) {
      case 0: break
      case Int32(COVINO_UNTOUCHED):
        // The others are looked at before another run: one of another shape may have other memory now.
        isUntouched = true
        continue
      case Int32(COVINO_OTHER_SHAPE):
        throw InferenceError(
          .failed, "the output '\(spec.name)' does not have the shape that follows from the inputs")
      default: throw fault(.failed, "the output '\(spec.name)' cannot be read")
      }
      let shape = view.shape.lengths
      let bytes = [UInt8](UnsafeRawBufferPointer(start: view.data, count: view.data == nil ? 0 : view.size))
      guard let type = ElementType(number: view.type), type == spec.type, spec.shape.count == shape.count,
        zip(spec.shape, shape).allSatisfy({ $0 < 0 || $0 == $1 }),
        let tensor = Tensor(type: type, shape: shape, bytes: bytes) ?? Tensor(empty: type, shape: shape)
      else { throw InferenceError(.failed, "the output '\(spec.name)' has an unsupported shape \(shape)") }
      results.append(tensor)
    }
    return isUntouched ? nil : results
  }

  /// Sets an input: small ones are copied, larger ones lent.
  private func lend(_ view: TensorView, at index: Int) throws(InferenceError) {
    // OpenVINO only reads the bytes. Empty tensors, which have no address, were refused before.
    var shape = covino_shape(view.shape)
    let status =
      view.bytes.count <= Self.smallBytes
      ? covino_request_fill(
        request, index, view.type.number, &shape, view.bytes.baseAddress, view.bytes.count)
      : covino_request_lend(
        request, index, view.type.number, &shape, UnsafeMutableRawPointer(mutating: view.bytes.baseAddress))
    guard status == 0 else { throw fault(.input, "the input '\(inputs[index].name)' cannot be set") }
  }

  private func fault(_ kind: InferenceError.Kind, _ message: String) -> InferenceError {
    do throws(InferenceError) { try library.call(kind, message) { _ in -1 } } catch { return error }
    return InferenceError(kind, message)
  }
}

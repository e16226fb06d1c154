import CLinux
import COnnxRuntime
import Synchronization

/// Runs ONNX models in this process with ONNX Runtime, which is faster than OpenVINO on some processors and accepts models
/// that OpenVINO cannot convert. The library is part of sherpa-onnx.
public struct OnnxRuntimeEngine: InferenceEngine {
  /// The library's folder; nil for the dynamic linker's search path alone.
  public var folder: String?

  public init(folder: String? = nil) { self.folder = folder }

  public func open(
    _ model: ModelPackage, _ options: SessionOptions
  ) async throws(InferenceError) -> any ModelSession {
    let session = try OnnxRuntimeSession(try OnnxRuntimeLibrary.shared(folder: folder), model, options)
    linux_return_memory()
    return session
  }
}

/// An opened model with one queue for each concurrent inference.
final class OnnxRuntimeSession: ModelSession {
  /// `@unchecked Sendable`: ONNX Runtime permits runs from any thread; the last reference frees the session.
  private final class Model: @unchecked Sendable {
    let pointer: OpaquePointer
    init(_ pointer: OpaquePointer) { self.pointer = pointer }
    deinit { conr_session_free(pointer) }
  }

  let engine: EngineIdentity
  let inputs: [TensorSpec]
  let outputs: [TensorSpec]
  private let model: Model
  private let lanes: [InferenceQueue]
  private let next = Atomic<Int>(0)

  init(
    _ library: OnnxRuntimeLibrary, _ package: ModelPackage, _ options: SessionOptions
  ) throws(InferenceError) {
    let name = package.manifest.name
    guard let file = package.files.first, file.name.hasSuffix(".onnx") else {
      throw InferenceError(
        .model, "the model '\(name)' is not an ONNX file, the only format that ONNX Runtime reads")
    }
    guard options.device == "CPU" else {
      throw InferenceError(
        .unavailable,
        "the model '\(name)': ONNX Runtime runs on the CPU; '\(options.device)' needs 'engine: openvino'")
    }
    var error = [CChar](repeating: 0, count: 512)
    let made = file.bytes.withUnsafeBytes {
      conr_session_create(
        library.pointer, $0.baseAddress, $0.count, Int32(clamping: options.threads), &error,
        error.count)
    }
    guard let made else {
      throw InferenceError(.model, "the model '\(name)' cannot be loaded: \(DynamicLibrary.text(error))")
    }
    let model = Model(made)
    self.model = model
    engine = EngineIdentity(name: "onnxruntime", version: library.version)
    inputs = try Self.ports(model.pointer, isOutput: false)
    outputs = try Self.ports(model.pointer, isOutput: true)
    lanes = (0..<max(1, options.streams)).map { _ in InferenceQueue() }
  }

  func infer(_ tensors: [Tensor]) async throws(InferenceError) -> [Tensor] {
    try TensorCheck.check(tensors, against: inputs)
    let turn = next.wrappingAdd(1, ordering: .relaxed).oldValue
    let lane = lanes[Int(UInt(bitPattern: turn) % UInt(lanes.count))]
    let result: Result<[Tensor], InferenceError> = await withCheckedContinuation { continuation in
      // A run blocks, so it does not occupy a thread of the shared pool.
      lane.async { [self] in
        do throws(InferenceError) {
          continuation.resume(returning: .success(try run(tensors)))
        } catch {
          continuation.resume(returning: .failure(error))
        }
      }
    }
    return try result.get()
  }

  private func run(_ tensors: [Tensor]) throws(InferenceError) -> [Tensor] {
    var given: [conr_tensor] = []
    for tensor in tensors {
      var view = conr_tensor()
      view.type = tensor.type.onnxNumber
      view.rank = Int32(clamping: tensor.shape.count)
      guard tensor.shape.count <= Int(CONR_MAXIMUM_RANK) else {
        throw InferenceError(.input, "a tensor has more than \(CONR_MAXIMUM_RANK) dimensions")
      }
      withUnsafeMutableBytes(of: &view.dimensions) { raw in
        let dimensions = raw.bindMemory(to: Int64.self)
        for (index, length) in tensor.shape.enumerated() { dimensions[index] = Int64(length) }
      }
      view.size = tensor.bytes.count
      given.append(view)
    }
    return try Self.withBytes(of: tensors, &given) { (given) throws(InferenceError) in
      var taken = [conr_tensor](repeating: conr_tensor(), count: outputs.count)
      var error = [CChar](repeating: 0, count: 512)
      guard conr_run(model.pointer, given, &taken, &error, error.count) == 0 else {
        throw InferenceError(.failed, "the model cannot run on this input: \(DynamicLibrary.text(error))")
      }
      defer { conr_values_free(model.pointer, &taken) }
      var results: [Tensor] = []
      for (view, spec) in zip(taken, outputs) {
        let shape = withUnsafeBytes(of: view.dimensions) { raw in
          raw.bindMemory(to: Int64.self).prefix(Int(view.rank)).map { Int($0) }
        }
        let bytes = [UInt8](UnsafeRawBufferPointer(start: view.data, count: view.data == nil ? 0 : view.size))
        guard let type = ElementType(onnxNumber: view.type),
          let tensor = Tensor(type: type, shape: shape, bytes: bytes) ?? Tensor(empty: type, shape: shape)
        else { throw InferenceError(.failed, "the output '\(spec.name)' has an unsupported type or shape") }
        results.append(tensor)
      }
      return results
    }
  }

  /// Lends the address of each tensor's bytes to `body`.
  private static func withBytes(
    of tensors: [Tensor], at index: Int = 0, _ views: inout [conr_tensor],
    _ body: ([conr_tensor]) throws(InferenceError) -> [Tensor]
  ) throws(InferenceError) -> [Tensor] {
    guard index < tensors.count else { return try body(views) }
    let result: Result<[Tensor], InferenceError> = tensors[index].bytes.withUnsafeBytes { raw in
      views[index].data = raw.baseAddress
      do throws(InferenceError) {
        return .success(try withBytes(of: tensors, at: index + 1, &views, body))
      } catch { return .failure(error) }
    }
    return try result.get()
  }

  private static func ports(
    _ session: OpaquePointer, isOutput: Bool
  ) throws(InferenceError) -> [TensorSpec] {
    let side: Int32 = isOutput ? 1 : 0
    var specs: [TensorSpec] = []
    for index in 0..<conr_port_count(session, side) {
      guard let port = conr_port_at(session, side, index)?.pointee else { continue }
      let name = withUnsafeBytes(of: port.name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      guard let type = ElementType(onnxNumber: port.type) else {
        throw InferenceError(.model, "the tensor '\(name)' has an unsupported type")
      }
      let shape = withUnsafeBytes(of: port.dimensions) { raw in
        raw.bindMemory(to: Int64.self).prefix(Int(port.rank)).map { Int(max($0, -1)) }
      }
      specs.append(TensorSpec(name: name, type: type, shape: shape))
    }
    return specs
  }
}

extension ElementType {
  /// Values of ONNX's TensorProto.DataType.
  private static let onnxNumbers: [(type: ElementType, number: Int32)] = [
    (.float32, 1), (.uint8, 2), (.int8, 3), (.uint16, 4), (.int16, 5), (.int32, 6), (.int64, 7), (.bool, 9),
    (.float16, 10), (.float64, 11), (.uint32, 12), (.uint64, 13), (.bfloat16, 16),
  ]

  var onnxNumber: Int32 { Self.onnxNumbers.first { $0.type == self }?.number ?? 0 }

  init?(onnxNumber: Int32) {
    guard let entry = Self.onnxNumbers.first(where: { $0.number == onnxNumber }) else { return nil }
    self = entry.type
  }
}

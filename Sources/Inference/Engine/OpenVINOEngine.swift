import CLinux
import COpenVINO
import Foundation
import Glibc
import Synchronization

/// Runs models in this process with OpenVINO: ONNX, TensorFlow Lite, OpenVINO IR, and BERT encoders given as weights.
public struct OpenVINOEngine: InferenceEngine {
  /// The library's folder; nil for the dynamic linker's search path alone.
  public var folder: String?

  public init(folder: String? = nil) { self.folder = folder }

  public func open(
    _ model: ModelPackage, _ options: SessionOptions
  ) async throws(InferenceError) -> any ModelSession {
    let library = try OpenVINOLibrary.shared(folder: folder)
    let session = try OpenVINOSession(library, model, options)
    // Compiling leaves free heap memory of the size of the model.
    linux_return_memory()
    return session
  }
}

/// A compiled model with its requests.
final class OpenVINOSession: LendingSession {
  let engine: EngineIdentity
  let inputs: [TensorSpec]
  let outputs: [TensorSpec]
  private let library: OpenVINOLibrary
  private let model: Model
  private let lanes: [Lane]
  private let next = Atomic<Int>(0)
  /// Moving average of run durations; 0 before the first run.
  private let averageNanoseconds = Atomic<Int>(0)
  private static let quickNanoseconds = 100_000
  private static let quickBytes = 4096

  /// `@unchecked Sendable`: OpenVINO permits use of compiled models from any thread; the last reference frees the model.
  private final class Model: @unchecked Sendable {
    let pointer: OpaquePointer
    init(_ pointer: OpaquePointer) { self.pointer = pointer }
    deinit { covino_model_free(pointer) }
  }

  /// An inference request and its queue.
  ///
  /// `@unchecked Sendable`: only the queue uses the request.
  private final class Lane: @unchecked Sendable {
    let queue = InferenceQueue()
    let request: OpaquePointer
    private let model: Model
    init(_ request: OpaquePointer, _ model: Model) {
      self.request = request
      self.model = model
    }
    deinit { covino_request_free(request) }
  }

  init(
    _ library: OpenVINOLibrary, _ package: ModelPackage, _ options: SessionOptions
  ) throws(InferenceError) {
    self.library = library
    engine = EngineIdentity(name: "openvino", version: library.version)
    let name = package.manifest.name
    let files = try MemoryFiles(BertGraph.files(package.files, name: name) ?? package.files)
    var properties = ["PERFORMANCE_HINT", options.streams > 1 ? "THROUGHPUT" : "LATENCY"]
    // Other devices refuse CPU properties.
    if options.device == "CPU" {
      properties += ["INFERENCE_NUM_THREADS", String(options.threads)]
      // Pinning would bind the calling thread to a processor at each inference.
      properties += ["ENABLE_CPU_PINNING", "NO"]
      if options.streams > 1 { properties += ["NUM_STREAMS", String(options.streams)] }
    }
    if !options.precision.isEmpty { properties += ["INFERENCE_PRECISION_HINT", options.precision] }
    if let cache = options.cache { properties += ["CACHE_DIR", cache] }
    var compiled: OpaquePointer?
    defer { withExtendedLifetime(files) {} }
    try Self.withCStrings(properties) { pointers throws(InferenceError) in
      try library.call(.model, "the model '\(name)' cannot be loaded") {
        covino_compile($0, files.first, options.device, pointers, properties.count / 2, &compiled)
      }
    }
    guard let compiled else { throw InferenceError(.model, "the model '\(name)' cannot be loaded") }
    let model = Model(compiled)
    self.model = model
    inputs = try Self.ports(library, model.pointer, isOutput: false)
    outputs = try Self.ports(library, model.pointer, isOutput: true)
    var lanes: [Lane] = []
    for _ in 0..<max(1, options.streams) {
      var request: OpaquePointer?
      try library.call(.model, "the model '\(name)' cannot be run") { _ in
        covino_request_create(model.pointer, &request)
      }
      guard let request else { throw InferenceError(.model, "the model '\(name)' cannot be run") }
      lanes.append(Lane(request, model))
    }
    self.lanes = lanes
  }

  func infer(_ tensors: [Tensor]) async throws(InferenceError) -> [Tensor] {
    try TensorCheck.check(tensors, against: inputs)
    let turn = next.wrappingAdd(1, ordering: .relaxed).oldValue
    let lane = lanes[Int(UInt(bitPattern: turn) % UInt(lanes.count))]
    if isQuick(tensors) { return try lane.queue.sync { timed(tensors, lane) }.get() }
    let result = await withCheckedContinuation { continuation in
      // A run blocks, so it does not occupy a thread of the shared pool.
      lane.queue.async { [self] in continuation.resume(returning: timed(tensors, lane)) }
    }
    return try result.get()
  }

  /// Whether a change of threads would take longer than the run.
  private func isQuick(_ tensors: [Tensor]) -> Bool {
    let average = averageNanoseconds.load(ordering: .relaxed)
    return average > 0 && average < Self.quickNanoseconds
      && tensors.reduce(0) { $0 + $1.bytes.count } <= Self.quickBytes
  }

  private func timed(_ tensors: [Tensor], _ lane: Lane) -> Result<[Tensor], InferenceError> {
    let begun = ContinuousClock.now
    let result: Result<[Tensor], InferenceError>
    do throws(InferenceError) { result = .success(try run(tensors, lane.request)) } catch {
      result = .failure(error)
    }
    let taken = Int((ContinuousClock.now - begun) / .nanoseconds(1))
    let average = averageNanoseconds.load(ordering: .relaxed)
    averageNanoseconds.store(average == 0 ? taken : (average * 7 + taken) / 8, ordering: .relaxed)
    return result
  }

  func infer(lent views: [TensorView]) throws(InferenceError) -> [Tensor] {
    guard views.count == inputs.count else {
      throw InferenceError(.input, "the model requires \(inputs.count) input tensors, not \(views.count)")
    }
    let lane = lanes[0]
    let result: Result<[Tensor], InferenceError> = lane.queue.sync {
      do throws(InferenceError) {
        for (index, view) in views.enumerated() { try lend(view, at: index, lane.request) }
        try start(lane.request)
        return .success(try results(lane.request))
      } catch { return .failure(error) }
    }
    return try result.get()
  }

  private func run(_ tensors: [Tensor], _ request: OpaquePointer) throws(InferenceError) -> [Tensor] {
    try lend(tensors[...], request) { () throws(InferenceError) in try start(request) }
    return try results(request)
  }

  private func start(_ request: OpaquePointer) throws(InferenceError) {
    guard covino_infer(request) == 0 else { throw fault(.failed, "the model cannot run on this input") }
  }

  private func results(_ request: OpaquePointer) throws(InferenceError) -> [Tensor] {
    var results: [Tensor] = []
    for index in outputs.indices {
      var view = covino_tensor()
      guard covino_request_output(request, index, &view) == 0, let type = ElementType(number: view.type)
      else {
        throw fault(.failed, "the output '\(outputs[index].name)' cannot be read")
      }
      let shape = withUnsafeBytes(of: view.dimensions) { raw in
        raw.bindMemory(to: Int64.self).prefix(Int(view.rank)).map { Int($0) }
      }
      let bytes = [UInt8](UnsafeRawBufferPointer(start: view.data, count: view.data == nil ? 0 : view.size))
      guard let tensor = Tensor(type: type, shape: shape, bytes: bytes) ?? Tensor(empty: type, shape: shape)
      else { throw InferenceError(.failed, "the output '\(outputs[index].name)' has an unsupported shape") }
      results.append(tensor)
    }
    return results
  }

  /// Lends the tensors to a request for the duration of `run`, so that images are not copied.
  private func lend(
    _ tensors: ArraySlice<Tensor>, _ request: OpaquePointer, then run: () throws(InferenceError) -> Void
  ) throws(InferenceError) {
    guard let tensor = tensors.first else { return try run() }
    let index = tensors.startIndex
    var outcome: Result<Void, InferenceError> = .success(())
    tensor.bytes.withUnsafeBytes { source in
      do throws(InferenceError) {
        try lend(TensorView(type: tensor.type, shape: tensor.shape, bytes: source), at: index, request)
        try lend(tensors.dropFirst(), request, then: run)
      } catch {
        outcome = .failure(error)
      }
    }
    try outcome.get()
  }

  /// Sets an input: small ones are copied, larger ones lent.
  private func lend(_ view: TensorView, at index: Int, _ request: OpaquePointer) throws(InferenceError) {
    // OpenVINO only reads the bytes. Empty tensors, which have no address, were refused before.
    let (type, rank, shape) = (view.type.number, Int32(view.shape.count), view.shape.map(Int64.init))
    let status =
      view.bytes.count <= Self.quickBytes
      ? covino_request_fill(request, index, type, rank, shape, view.bytes.baseAddress, view.bytes.count)
      : covino_request_lend(
        request, index, type, rank, shape, UnsafeMutableRawPointer(mutating: view.bytes.baseAddress))
    guard status == 0 else { throw fault(.input, "the input '\(inputs[index].name)' cannot be set") }
  }

  private func fault(_ kind: InferenceError.Kind, _ message: String) -> InferenceError {
    do throws(InferenceError) { try library.call(kind, message) { _ in -1 } } catch { return error }
    return InferenceError(kind, message)
  }

  private static func ports(
    _ library: OpenVINOLibrary, _ model: OpaquePointer, isOutput: Bool
  ) throws(InferenceError) -> [TensorSpec] {
    var count = 0
    try library.call(.model, "the model's tensors cannot be listed") { _ in
      covino_port_count(model, isOutput ? 1 : 0, &count)
    }
    var specs: [TensorSpec] = []
    for index in 0..<count {
      var port = covino_port()
      try library.call(.model, "the model's tensors cannot be listed") { _ in
        covino_port_at(model, isOutput ? 1 : 0, index, &port)
      }
      var name = withUnsafeBytes(of: port.name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if name.isEmpty { name = (isOutput ? "output_" : "input_") + String(index) }
      guard let type = ElementType(number: port.type), port.rank >= 0 else {
        throw InferenceError(.model, "the tensor '\(name)' has an unsupported type or rank")
      }
      let shape = withUnsafeBytes(of: port.dimensions) { raw in
        raw.bindMemory(to: Int64.self).prefix(Int(port.rank)).map { Int($0) }
      }
      specs.append(TensorSpec(name: name, type: type, shape: shape))
    }
    return specs
  }

  private static func withCStrings(
    _ texts: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) throws(InferenceError) -> Void
  ) throws(InferenceError) {
    let copies = texts.map { strdup($0) }
    defer { for copy in copies { free(copy) } }
    let pointers = copies.map { UnsafePointer<CChar>($0) }
    let result: Result<Void, InferenceError> = pointers.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return .success(()) }
      do throws(InferenceError) { return .success(try body(base)) } catch { return .failure(error) }
    }
    try result.get()
  }
}

extension ElementType {
  private static let numbers: [(ElementType, Int)] = [
    (.bool, COVINO_BOOL), (.bfloat16, COVINO_BF16), (.float16, COVINO_F16), (.float32, COVINO_F32),
    (.float64, COVINO_F64), (.int8, COVINO_I8), (.int16, COVINO_I16), (.int32, COVINO_I32),
    (.int64, COVINO_I64), (.uint8, COVINO_U8), (.uint16, COVINO_U16), (.uint32, COVINO_U32),
    (.uint64, COVINO_U64),
  ]

  var number: Int32 { Int32(Self.numbers.first { $0.0 == self }?.1 ?? 0) }

  init?(number: Int32) {
    guard let entry = Self.numbers.first(where: { $0.1 == Int(number) }) else { return nil }
    self = entry.0
  }
}

import CLinux
import COpenVINO
import Foundation
import Glibc
import Synchronization

/// Runs models in this process: ONNX, TensorFlow Lite, OpenVINO's own IR, and BERT encoders as bare weights.
public struct OpenVINOEngine: InferenceEngine {
  /// Where the library is looked for first; nil for the linker's places alone.
  public var folder: String?

  public init(folder: String? = nil) { self.folder = folder }

  public func open(
    _ model: ModelPackage, _ options: SessionOptions
  ) async throws(InferenceError) -> any ModelSession {
    let library = try OpenVINOLibrary.shared(folder: folder)
    let session = try OpenVINOSession(library, model, options)
    // Compiling leaves as much free memory behind as a model is large.
    linux_return_memory()
    return session
  }
}

/// A compiled model with its requests.
final class OpenVINOSession: ModelSession {
  let inputs: [TensorSpec]
  let outputs: [TensorSpec]
  private let library: OpenVINOLibrary
  private let model: Model
  private let lanes: [Lane]
  private let next = Atomic<Int>(0)
  /// What a run takes of late; 0 before the first.
  private let usualNanoseconds = Atomic<Int>(0)
  private static let quickNanoseconds = 100_000
  private static let quickBytes = 4096

  /// `@unchecked Sendable`: freed by the last who holds it; compiled models may be used from any thread.
  private final class Model: @unchecked Sendable {
    let pointer: OpaquePointer
    init(_ pointer: OpaquePointer) { self.pointer = pointer }
    deinit { covino_model_free(pointer) }
  }

  /// A request and the thread's queue that alone uses it.
  ///
  /// `@unchecked Sendable`: the request is used on its queue only.
  private final class Lane: @unchecked Sendable {
    let queue = DispatchQueue(label: "vrbridge.inference")
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
    let name = package.manifest.name
    let files = try MemoryFiles(BertGraph.files(package.files, name: name) ?? package.files)
    var properties = ["PERFORMANCE_HINT", options.streams > 1 ? "THROUGHPUT" : "LATENCY"]
    // Other devices refuse what is about processors.
    if options.device == "CPU" {
      properties += ["INFERENCE_NUM_THREADS", String(options.threads)]
      // It would tie whichever thread asks to a processor, with each inference.
      properties += ["ENABLE_CPU_PINNING", "NO"]
      if options.streams > 1 { properties += ["NUM_STREAMS", String(options.streams)] }
    }
    if !options.precision.isEmpty { properties += ["INFERENCE_PRECISION_HINT", options.precision] }
    if let cache = options.cache { properties += ["CACHE_DIR", cache] }
    var compiled: OpaquePointer?
    defer { withExtendedLifetime(files) {} }
    try Self.withCStrings(properties) { pointers throws(InferenceError) in
      try library.call(.model, "the model '\(name)' can't be loaded") {
        covino_compile($0, files.first, options.device, pointers, properties.count / 2, &compiled)
      }
    }
    guard let compiled else { throw InferenceError(.model, "the model '\(name)' can't be loaded") }
    let model = Model(compiled)
    self.model = model
    inputs = try Self.ports(library, model.pointer, isOutput: false)
    outputs = try Self.ports(library, model.pointer, isOutput: true)
    var lanes: [Lane] = []
    for _ in 0..<max(1, options.streams) {
      var request: OpaquePointer?
      try library.call(.model, "the model '\(name)' can't be run") { _ in
        covino_request_create(model.pointer, &request)
      }
      guard let request else { throw InferenceError(.model, "the model '\(name)' can't be run") }
      lanes.append(Lane(request, model))
    }
    self.lanes = lanes
  }

  func infer(_ tensors: [Tensor]) async throws(InferenceError) -> [Tensor] {
    try TensorCheck.check(tensors, against: inputs)
    let place = next.wrappingAdd(1, ordering: .relaxed).oldValue
    let lane = lanes[Int(UInt(bitPattern: place) % UInt(lanes.count))]
    if isQuick(tensors) { return try lane.queue.sync { timed(tensors, lane) }.get() }
    let result = await withCheckedContinuation { continuation in
      // A model takes its time: not on the threads that all tasks share.
      lane.queue.async { [self] in continuation.resume(returning: timed(tensors, lane)) }
    }
    return try result.get()
  }

  /// Whether going to another thread and back would take longer than the model does.
  private func isQuick(_ tensors: [Tensor]) -> Bool {
    let usual = usualNanoseconds.load(ordering: .relaxed)
    return usual > 0 && usual < Self.quickNanoseconds
      && tensors.reduce(0) { $0 + $1.bytes.count } <= Self.quickBytes
  }

  private func timed(_ tensors: [Tensor], _ lane: Lane) -> Result<[Tensor], InferenceError> {
    let begun = ContinuousClock.now
    let result: Result<[Tensor], InferenceError>
    do throws(InferenceError) { result = .success(try run(tensors, lane.request)) } catch {
      result = .failure(error)
    }
    let taken = Int((ContinuousClock.now - begun) / .nanoseconds(1))
    let usual = usualNanoseconds.load(ordering: .relaxed)
    usualNanoseconds.store(usual == 0 ? taken : (usual * 7 + taken) / 8, ordering: .relaxed)
    return result
  }

  private func run(_ tensors: [Tensor], _ request: OpaquePointer) throws(InferenceError) -> [Tensor] {
    try lend(tensors[...], request) { () throws(InferenceError) in
      guard covino_infer(request) == 0 else { throw fault(.failed, "the model can't be run on this input") }
    }
    var results: [Tensor] = []
    for index in outputs.indices {
      var view = covino_tensor()
      guard covino_request_output(request, index, &view) == 0, let type = ElementType(number: view.type)
      else {
        throw fault(.failed, "the output '\(outputs[index].name)' can't be read")
      }
      let shape = withUnsafeBytes(of: view.dimensions) { raw in
        raw.bindMemory(to: Int64.self).prefix(Int(view.rank)).map { Int($0) }
      }
      let bytes = [UInt8](UnsafeRawBufferPointer(start: view.data, count: view.data == nil ? 0 : view.size))
      guard let tensor = Tensor(type: type, shape: shape, bytes: bytes) ?? Tensor(empty: type, shape: shape)
      else { throw InferenceError(.failed, "the output '\(outputs[index].name)' has no usable shape") }
      results.append(tensor)
    }
    return results
  }

  /// Lends tensors to a request, one within the other's time, and then runs it: a picture's numbers are not copied.
  private func lend(
    _ tensors: ArraySlice<Tensor>, _ request: OpaquePointer, then run: () throws(InferenceError) -> Void
  ) throws(InferenceError) {
    guard let tensor = tensors.first else { return try run() }
    let index = tensors.startIndex
    var outcome: Result<Void, InferenceError> = .success(())
    tensor.bytes.withUnsafeBytes { source in
      // It is only read; empty tensors have no address, and are refused before.
      let (type, rank, shape) = (tensor.type.number, Int32(tensor.shape.count), tensor.shape.map(Int64.init))
      let status =
        source.count <= Self.quickBytes
        ? covino_request_fill(request, index, type, rank, shape, source.baseAddress, source.count)
        : covino_request_lend(
          request, index, type, rank, shape, UnsafeMutableRawPointer(mutating: source.baseAddress))
      do throws(InferenceError) {
        guard status == 0 else { throw fault(.input, "the input '\(inputs[index].name)' can't be set") }
        try lend(tensors.dropFirst(), request, then: run)
      } catch {
        outcome = .failure(error)
      }
    }
    try outcome.get()
  }

  private func fault(_ kind: InferenceError.Kind, _ what: String) -> InferenceError {
    do throws(InferenceError) { try library.call(kind, what) { _ in -1 } } catch { return error }
    return InferenceError(kind, what)
  }

  private static func ports(
    _ library: OpenVINOLibrary, _ model: OpaquePointer, isOutput: Bool
  ) throws(InferenceError) -> [TensorSpec] {
    var count = 0
    try library.call(.model, "the model's tensors are not known") { _ in
      covino_port_count(model, isOutput ? 1 : 0, &count)
    }
    var specs: [TensorSpec] = []
    for index in 0..<count {
      var port = covino_port()
      try library.call(.model, "the model's tensors are not known") { _ in
        covino_port_at(model, isOutput ? 1 : 0, index, &port)
      }
      var name = withUnsafeBytes(of: port.name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if name.isEmpty { name = (isOutput ? "output_" : "input_") + String(index) }
      guard let type = ElementType(number: port.type), port.rank >= 0 else {
        throw InferenceError(.model, "the tensor '\(name)' has a type or rank that can't be used")
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

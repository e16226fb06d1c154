import CLinux
import Synchronization

/// Runs models in this process with OpenVINO: ONNX, TensorFlow Lite, OpenVINO IR, and BERT encoders given as weights.
public struct OpenVINOEngine: InferenceEngine {
  /// The library's folder; nil for the dynamic linker's search path alone.
  public var folder: String?

  public init(folder: String? = nil) { self.folder = folder }

  public func open(
    _ model: ModelPackage, _ options: SessionOptions
  ) async throws(InferenceError) -> any ModelSession {
    try openSession(model, options)
  }

  func openSession(
    _ model: ModelPackage, _ options: SessionOptions
  ) throws(InferenceError) -> OpenVINOSession {
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
  let precisionNote: String?
  let verification: ShapeVerification
  private let rules: DimensionRules
  private let lanes: [OpenVINOLane]
  private let next = Atomic<Int>(0)
  /// Moving average of run durations; 0 before the first run.
  private let averageNanoseconds = Atomic<Int>(0)
  private static let quickNanoseconds = 100_000

  init(
    _ library: OpenVINOLibrary, _ package: ModelPackage, _ options: SessionOptions
  ) throws(InferenceError) {
    engine = EngineIdentity(name: "openvino", version: library.version)
    let name = package.manifest.name
    let generated = try BertGraph.files(package.files, name: name)
    let files = try MemoryFiles(generated?.files ?? package.files)
    let model = try OpenVINOModel(library, file: files.first, name: name, options)
    defer { withExtendedLifetime(files) {} }
    let declared = ONNXPorts(package.files)
    let inputs = ONNXPorts.named(try model.ports(library, isOutput: false), declared?.inputs)
    let outputs = ONNXPorts.named(try model.ports(library, isOutput: true), declared?.outputs)
    (self.inputs, self.outputs) = (inputs, outputs)
    let facts = ONNXFacts(package.files.first)
    rules =
      generated?.rules ?? facts.map { DimensionRules($0, inputs: inputs, outputs: outputs) } ?? .none
    // A generated graph takes numbers of a known range.
    precisionNote =
      generated == nil ? NarrowArithmetic.note(inputs: inputs, outputs: outputs, facts) : nil
    verification = ShapeVerification(library, model, inputs: inputs, outputs: outputs, rules: rules)
    var lanes: [OpenVINOLane] = []
    for _ in 0..<max(1, options.streams) {
      lanes.append(try OpenVINOLane(library, model, name: name, inputs: inputs, outputs: outputs))
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
      && tensors.reduce(0) { $0 + $1.bytes.count } <= OpenVINOLane.smallBytes
  }

  private func timed(_ tensors: [Tensor], _ lane: OpenVINOLane) -> Result<[Tensor], InferenceError> {
    let begun = ContinuousClock.now
    let result: Result<[Tensor], InferenceError>
    do throws(InferenceError) {
      var views: [TensorView] = []
      result = .success(try run(tensors[...], &views, lane))
    } catch {
      result = .failure(error)
    }
    let taken = Int((ContinuousClock.now - begun) / .nanoseconds(1))
    let average = averageNanoseconds.load(ordering: .relaxed)
    averageNanoseconds.store(average == 0 ? taken : (average * 7 + taken) / 8, ordering: .relaxed)
    return result
  }

  func infer(lent views: [TensorView]) throws(InferenceError) -> [Tensor] {
    guard views.count == inputs.count,
      zip(views, inputs).allSatisfy({ $0.type == $1.type && $1.accepts($0.shape) })
    else { throw InferenceError(.input, "the tensors do not fit the model's \(inputs.count) inputs") }
    let lane = lanes[0]
    let result: Result<[Tensor], InferenceError> = lane.queue.sync {
      do throws(InferenceError) { return .success(try run(views, lane)) } catch { return .failure(error) }
    }
    return try result.get()
  }

  /// Lends the tensors' bytes for the duration of the run, so that images are not copied.
  private func run(
    _ tensors: ArraySlice<Tensor>, _ views: inout [TensorView], _ lane: OpenVINOLane
  ) throws(InferenceError) -> [Tensor] {
    guard let tensor = tensors.first else { return try run(views, lane) }
    let result: Result<[Tensor], InferenceError> = tensor.bytes.withUnsafeBytes { source in
      views.append(TensorView(type: tensor.type, shape: tensor.shape, bytes: source))
      do throws(InferenceError) {
        return .success(try run(tensors.dropFirst(), &views, lane))
      } catch { return .failure(error) }
    }
    return try result.get()
  }

  private func run(_ views: [TensorView], _ lane: OpenVINOLane) throws(InferenceError) -> [Tensor] {
    let verified = try verification.check(views.map(\.shape))
    // OpenVINO reports success for shapes that do not fit, or ends the process.
    guard !verified.dependsOnValues else {
      throw InferenceError(
        .failed,
        "shapes inside of the model depend on the values of its inputs, which OpenVINO does not check; export the model to ONNX and install ONNX Runtime with: vrbridge models pull sherpa-onnx"
      )
    }
    for (index, view) in views.enumerated() {
      try NarrowArithmetic.check(view, inputs[index])
      try rules.checkValues(view, at: index, inputs[index])
    }
    return try lane.run(views, verified)
  }
}

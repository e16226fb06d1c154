import Foundation
public import Sandbox
import Synchronization

/// The work of the confined process that holds one model: it opens the model, then runs it.
public enum ModelRole {
  static let name = "model"

  enum Operation: UInt32 {
    case open = 1
    case run = 2
  }

  public static let role: SandboxRole = {
    let opened = Opened()
    return SandboxRole(name: name, calls: .libraries) { (request) throws(SandboxRefusal) in
      do throws(InferenceError) {
        switch Operation(rawValue: request.operation) {
        case .open: return try open(request, opened)
        case .run: return try run(request, opened)
        case nil: throw InferenceError(.failed, "the process of a model has no such operation")
        }
      } catch {
        throw SandboxRefusal(code: error.code, text: error.description)
      }
    }
  }()

  private final class Opened: Sendable {
    let session = Mutex<(any ModelSession)?>(nil)
  }

  private static func open(
    _ request: SandboxRequest, _ opened: Opened
  ) throws(InferenceError) -> SandboxAnswer {
    guard let header = try? JSONDecoder().decode(ModelHeader.self, from: Data(request.body)),
      let package = header.package(request.parts.map { Array($0) })
    else { throw InferenceError(.failed, "the process of a model was given no model") }
    // The starting process has verified the library and noted it in this folder.
    LibraryOrigins.process.trust(records: { Set(header.records) }, noting: header.verified)
    let engine = LocalEngine(openVINO: header.openVINO, onnxRuntime: header.onnxRuntime)
    let options = header.options
    let session = try wait { () async throws(InferenceError) in try await engine.open(package, options) }
    opened.session.withLock { $0 = session }
    guard let body = try? JSONEncoder().encode(ModelDescription(session)) else {
      throw InferenceError(.model, "the model's tensors cannot be described")
    }
    return SandboxAnswer(body: Array(body))
  }

  private static func run(
    _ request: SandboxRequest, _ opened: Opened
  ) throws(InferenceError) -> SandboxAnswer {
    guard let session = opened.session.withLock({ $0 }) else {
      throw InferenceError(.failed, "the process of a model has no model")
    }
    guard let views = TensorTransfer.views(request.body, request.parts),
      views.allSatisfy({ !$0.bytes.isEmpty })
    else { throw InferenceError(.input, "the process of a model was given no tensors") }
    let results: [Tensor]
    if let lending = session as? any LendingSession {
      results = try lending.infer(lent: views)
    } else {
      let tensors = views.compactMap(\.tensor)
      results = try wait { () async throws(InferenceError) in try await session.infer(tensors) }
    }
    var (parts, offset): ([Range<Int>], Int) = ([], 0)
    for tensor in results {
      guard offset <= request.output.count, tensor.bytes.count <= request.output.count - offset else {
        throw InferenceError(.failed, "the model's outputs are larger than \(request.output.count >> 20) MiB")
      }
      request.output[offset...].copyBytes(from: tensor.bytes)
      parts.append(offset..<(offset + tensor.bytes.count))
      offset = (offset + tensor.bytes.count + 63) & ~63
    }
    return SandboxAnswer(parts: parts, body: TensorTransfer.header(results))
  }

  private static func wait<Value: Sendable>(
    _ body: @escaping @Sendable () async throws(InferenceError) -> Value
  ) throws(InferenceError) -> Value {
    try ThisThreadExecutor.wait { () async -> Result<Value, InferenceError> in
      do throws(InferenceError) { return .success(try await body()) } catch { return .failure(error) }
    }.get()
  }
}

/// A model with its options, as the header of a request to open it. The files are the parts.
struct ModelHeader: Codable {
  var name: String
  var files: [String]
  var library: String
  var threads: Int
  var streams: Int
  var precision: String
  var openVINO: String?
  var onnxRuntime: String?
  /// Digests of the records of trusted libraries, and the folder with the note of those that were verified.
  var records: [String]
  var verified: String?

  init(_ model: ModelPackage, _ options: SessionOptions, openVINO: String?, onnxRuntime: String?) {
    name = model.manifest.name
    files = model.files.map(\.name)
    library = options.library.rawValue
    (threads, streams, precision) = (options.threads, options.streams, options.precision)
    self.openVINO = openVINO
    self.onnxRuntime = onnxRuntime
    (records, verified) = LibraryOrigins.process.settings
  }

  var options: SessionOptions {
    var options = SessionOptions()
    options.library = SessionOptions.Library(rawValue: library) ?? .automatic
    (options.threads, options.streams, options.precision) = (threads, streams, precision)
    return options
  }

  func package(_ parts: [[UInt8]]) -> ModelPackage? {
    guard parts.count == files.count else { return nil }
    return ModelPackage(
      manifest: ModelManifest(name: name, version: "1", task: .tensors),
      files: zip(files, parts).map { ModelPackage.File(name: $0, bytes: $1) })
  }
}

/// Engine and tensors of an opened model, as the process that holds it states them.
struct ModelDescription: Codable {
  struct Port: Codable {
    var name: String
    var type: String
    var shape: [Int]

    init(_ spec: TensorSpec) {
      name = spec.name
      type = spec.type.rawValue
      shape = spec.shape
    }

    var spec: TensorSpec? {
      guard name.utf8.count <= 1024, shape.count <= TensorTransfer.maximumRank, shape.allSatisfy({ $0 >= -1 })
      else { return nil }
      return ElementType(rawValue: type).map { TensorSpec(name: name, type: $0, shape: shape) }
    }
  }

  /// Characters of a note.
  static let maximumNote = 2000

  var engine: String
  var version: String
  var inputs: [Port]
  var outputs: [Port]
  var precisionNote: String?

  init(_ session: any ModelSession) {
    (engine, version) = (session.engine.name, session.engine.version)
    (inputs, outputs) = (session.inputs.map(Port.init), session.outputs.map(Port.init))
    precisionNote = session.precisionNote.map { String($0.prefix(Self.maximumNote)) }
  }
}

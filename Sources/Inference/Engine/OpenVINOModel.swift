import COpenVINO
import Foundation
import Glibc

/// A model that OpenVINO compiled.
///
/// `@unchecked Sendable`: OpenVINO permits use of compiled models from any thread; `ShapeVerification` is the only user of the
/// model's source; the last reference frees the model.
final class OpenVINOModel: @unchecked Sendable {
  let pointer: OpaquePointer

  init(
    _ library: OpenVINOLibrary, file: String, name: String, _ options: SessionOptions
  ) throws(InferenceError) {
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
    try Self.withCStrings(properties) { pointers throws(InferenceError) in
      try library.call(.model, "the model '\(name)' cannot be loaded") {
        covino_compile($0, file, options.device, pointers, properties.count / 2, &compiled)
      }
    }
    guard let compiled else { throw InferenceError(.model, "the model '\(name)' cannot be loaded") }
    pointer = compiled
  }

  deinit { covino_model_free(pointer) }

  func ports(_ library: OpenVINOLibrary, isOutput: Bool) throws(InferenceError) -> [TensorSpec] {
    var specs: [TensorSpec] = []
    for index in 0..<covino_port_count(pointer, isOutput ? 1 : 0) {
      var port = covino_port()
      try library.call(.model, "the model's tensors cannot be listed") { _ in
        covino_port_at(pointer, isOutput ? 1 : 0, index, &port)
      }
      var name = withUnsafeBytes(of: port.name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if name.isEmpty { name = (isOutput ? "output_" : "input_") + String(index) }
      guard let type = ElementType(number: port.type), port.shape.rank >= 0 else {
        throw InferenceError(.model, "the tensor '\(name)' has an unsupported type or rank")
      }
      specs.append(TensorSpec(name: name, type: type, shape: port.shape.lengths))
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

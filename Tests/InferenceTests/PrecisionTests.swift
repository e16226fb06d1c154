import Foundation
import TestSupport
import Testing

@testable import Inference

/// Numbers of 64 bits, which OpenVINO computes in 32.
@Suite(.enabled(if: Models.areHere && Models.hear, "needs the libraries that 'make test' fetches"))
struct PrecisionTests {
  private func open(
    _ package: ModelPackage, _ library: SessionOptions.Library, onnxRuntime: String? = Models.speechRuntime
  ) async throws -> any ModelSession {
    var options = SessionOptions()
    options.library = library
    return try await LocalEngine(openVINO: Models.runtime, onnxRuntime: onnxRuntime).open(package, options)
  }

  private func integers(_ values: [Int64]) throws -> Tensor {
    try #require(
      Tensor(type: .int64, shape: [values.count], bytes: values.withUnsafeBytes { Array($0) }))
  }

  @Test func wholeNumbersOf64BitsAreExact() async throws {
    let package = SmallONNX.double(.int64, [.named("n")]).package()
    let session = try await open(package, .automatic)
    #expect(session.engine.name == "onnxruntime" && session.precisionNote == nil)
    let input = try integers([1 << 53 + 1, -5, 1 << 40])
    let answer = try await session.infer([input])
    let expected = try integers([1 << 54 + 2, -10, 1 << 41])
    #expect(answer == [expected])
  }

  @Test func openVINORefusesWhatExceedsItsArithmetic() async throws {
    let package = SmallONNX.double(.int64, [.named("n")]).package()
    let session = try await open(package, .openVINO)
    #expect(session.precisionNote?.contains("'x' (INT64)") == true)
    let wide = try integers([1, 1 << 53 + 1])
    do {
      let answer = try await session.infer([wide])
      Issue.record("it was answered with \(answer[0].numbers)")
    } catch { #expect(error.kind == .input && error.description.contains("at index 1"), "\(error)") }
    let small = try integers([1, -7])
    let doubled = try integers([2, -14])
    #expect(try await session.infer([small]) == [doubled])
    let real = try await open(SmallONNX.double(.float64, [.named("n")]).package(), .openVINO)
    #expect(real.precisionNote?.contains("FP64") == true)
    let large = try #require(Tensor(type: .float64, shape: [2], numbers: [1, 1e300]))
    await #expect(throws: InferenceError.self) { try await real.infer([large]) }
  }

  /// FP64 inside of a model whose tensors are FP32.
  @Test func conversionsInsideAreFound() async throws {
    var model = SmallONNX()
    model.node("Cast", ["x"], "a", numbers: ["to": 11])
    model.node("Add", ["a", "c"], "b")
    model.node("Cast", ["b"], "y", numbers: ["to": 1])
    model.constant("c", try #require(Tensor(type: .float64, shape: [1], numbers: [1e-12])))
    model.input("x", [.named("n")])
    model.output("y", [.named("n")])
    #expect(try await open(model.package(), .openVINO).precisionNote?.contains("FP64 inside") == true)
    #expect(try await open(model.package(), .automatic).engine.name == "onnxruntime")
    // FP32 throughout.
    let plain = try await open(SmallONNX.double(.float32, [.named("n")]).package(), .automatic)
    #expect(plain.engine.name == "openvino" && plain.precisionNote == nil)
  }

  /// An index that the table does not have.
  @Test func indicesOutsideOfATableAreErrors() async throws {
    var model = SmallONNX()
    model.node("Gather", ["table", "i"], "y")
    model.constant("table", Tensor(float32: [4], [1, 2, 3, 4]))
    model.input("i", [.named("n")], .int32)
    model.output("y", [.named("n")])
    let session = try await open(model.package(), .automatic)
    let indices = try #require(Tensor(type: .int32, shape: [2], numbers: [1, 9]))
    await #expect(throws: InferenceError.self) { try await session.infer([indices]) }
  }
}

import Foundation
import Spatial
import TestSupport
import Testing

@testable import Inference

/// Shapes that do not fit inside of a model, and outputs that are those of another run.
@Suite(.enabled(if: Models.areHere && Models.hear, "needs the libraries that 'make test' fetches"))
struct ShapeVerificationTests {
  private func open(_ package: ModelPackage, _ library: SessionOptions.Library) async throws
    -> any ModelSession
  {
    var options = SessionOptions()
    options.library = library
    return try await LocalEngine(openVINO: Models.runtime, onnxRuntime: Models.speechRuntime)
      .open(package, options)
  }

  private func floats(_ shape: [Int], _ random: inout SeededRandom) -> Tensor {
    let count = shape.reduce(1, *)
    return Tensor(float32: shape, (0..<count).map { _ in Float.random(in: -1...1, using: &random) })
  }

  private func expectInvalid(_ session: any ModelSession, _ tensors: [Tensor], _ text: String) async {
    do {
      let answer = try await session.infer(tensors)
      Issue.record("\(tensors.map(\.shape)) was answered with \(answer.map(\.numbers))")
    } catch { #expect(error.kind == .input && error.description.contains(text), "\(error)") }
  }

  private func isNear(_ left: [Tensor], _ right: [Tensor], _ tolerance: Double) -> Bool {
    guard left.map(\.shape) == right.map(\.shape) else { return false }
    for (one, other) in zip(left, right) {
      for (a, b) in zip(one.numbers, other.numbers) {
        let scale: Double = max(1, abs(a), abs(b))
        if a != b, !(abs(a - b) <= tolerance * scale) { return false }
      }
    }
    return true
  }

  /// Lengths for which OpenVINO reads memory beyond the weights.
  @Test func aLengthThatFitsNoWeightsIsRefused() async throws {
    var random = SeededRandom(seed: 7)
    let model = SmallONNX.product(floats([32, 4], &random).numbers.map { Float($0) }).package()
    let (session, second) = (try await open(model, .openVINO), try await open(model, .onnxRuntime))
    await expectInvalid(session, [floats([1, 5], &random)], "'x' [1, 5]")
    for _ in 0..<60 {
      let shape: [Int] = [
        Int.random(in: 1...4, using: &random), [5, 31, 32, 33, 64].randomElement(using: &random) ?? 32,
      ]
      let tensor = floats(shape, &random)
      guard shape[1] == 32 else {
        await expectInvalid(session, [tensor], "do not fit the model")
        continue
      }
      let (one, other) = (try await session.infer([tensor]), try await second.infer([tensor]))
      #expect(isNear(one, other, 1e-4), "\(shape)")
    }
  }

  /// A bad request does not change the answers to good ones.
  @Test func goodRequestsAreRightAfterBadOnes() async throws {
    var random = SeededRandom(seed: 8)
    let weights = floats([1, 16, 8], &random).numbers.map { Float($0) }
    let session = try await open(SmallONNX.positions(weights).package(), .openVINO)
    for _ in 0..<100 {
      let rows = Int.random(in: 1...3, using: &random)
      let length = [16, 16, 1, 15, 17, 40].randomElement(using: &random) ?? 16
      let tensor = floats([rows, length, 8], &random)
      guard length == 16 || length == 1 else {
        await expectInvalid(session, [tensor], "do not fit the model")
        continue
      }
      let answer = try await session.infer([tensor])
      let given: [Double] = tensor.numbers
      var expected: [Double] = []
      for index in 0..<(rows * 128) {
        // A length of 1 is spread over all positions.
        let source: Int = length == 16 ? index : (index / 128) * 8 + index % 8
        expected.append(max(0, given[source] + Double(weights[index % 128])))
      }
      let isRight = zip(answer[0].numbers, expected).allSatisfy { abs($0 - $1) < 1e-5 }
      #expect(answer[0].shape == [rows, 16, 8])
      #expect(isRight, "[\(rows), \(length), 8]")
    }
  }

  /// Shapes that only a run shows, which OpenVINO does not check.
  @Test func shapesThatDependOnValuesAreLeftToONNXRuntime() async throws {
    let session = try await open(SmallONNX.pairs.package(), .openVINO)
    for values: [Float] in [[0, 0, 3], [1, 2, 3, 0], [1]] {
      do {
        let answer = try await session.infer([Tensor(float32: [values.count], values)])
        Issue.record("\(values) was answered with \(answer)")
      } catch { #expect(error.kind == .failed && error.description.contains("depend on the values")) }
    }
    let second = try await open(SmallONNX.pairs.package(), .automatic)
    #expect(try await second.infer([Tensor(float32: [3], [1, 0, 2])])[0].numbers == [1, 2])
    // ONNX Runtime takes such a model where the choice is left to the bridge.
    #expect(try await open(SmallONNX.pairs.package(), .automatic).engine.name == "onnxruntime")
    let product = SmallONNX.product([Float](repeating: 1, count: 128))
    #expect(try await open(product.package(), .automatic).engine.name == "openvino")
  }

  @Test func inputsOfOneDeclaredLengthHaveIt() async throws {
    let session = try await open(SmallONNX.sum.package(), .openVINO)
    let (one, two) = (Tensor(float32: [1, 3], [1, 2, 3]), Tensor(float32: [2, 3], [1, 2, 3, 4, 5, 6]))
    await expectInvalid(session, [two, one], "declares one length 'n'")
    #expect(try await session.infer([two, two])[0].numbers == [2, 4, 6, 8, 10, 12])
    await expectInvalid(session, [one, two], "declares one length 'n'")
    #expect(try await session.infer([one, one])[0].numbers == [2, 4, 6])
  }

  @Test func resultsOfAFewShapesAreKept() async throws {
    let session = try await open(SmallONNX.double(.float32, [.named("n")]).package(), .openVINO)
    let verification = try #require(session as? OpenVINOSession).verification
    for length in 1...(ShapeVerification.capacity + 20) {
      let answer = try await session.infer([Tensor(float32: [length], [Float](repeating: 3, count: length))])
      #expect(answer[0].numbers == [Double](repeating: 6, count: length))
    }
    #expect(verification.count == ShapeVerification.capacity)
  }

  @Test(arguments: ElementType.allCases)
  func scalarsRun(_ type: ElementType) async throws {
    guard type != .bool else { return }
    let package = SmallONNX.double(type, []).package()
    for library in [SessionOptions.Library.openVINO, .onnxRuntime] {
      // Not every type has an addition in every library.
      guard let session = try? await open(package, library) else { continue }
      let answer = try await session.infer([try #require(Tensor(type: type, shape: [], numbers: [3]))])
      #expect(answer[0].shape == [] && answer[0].numbers == [6], "\(library): \(answer)")
    }
  }

  /// Each ONNX model of the catalogue on random shapes, with ONNX Runtime as the second engine.
  @Test(arguments: [
    "text-detection", "text-recognition", "wake-spectrogram", "wake-embedding", "wake-hey-rhasspy",
    "object-detection",
  ])
  func defaultModelsEqualASecondEngine(_ name: String) async throws {
    let registry = TestHost.registry()
    guard let version = registry.versions(of: name).last else { return }
    let package = try registry.package(name, version).package
    let (session, second) = (try await open(package, .openVINO), try await open(package, .onnxRuntime))
    var random = SeededRandom(seed: 11)
    let lengths =
      switch name {
      case "wake-spectrogram": [1, 100, 511, 512, 513, 1280, 1760]
      // Narrower lines OpenVINO refuses.
      case "text-recognition": [32, 33, 48, 64, 96, 160, 320]
      default: [1, 7, 32, 33, 48, 64, 96]
      }
    var answered = 0
    for _ in 0..<12 {
      var tensors: [Tensor] = []
      for spec in session.inputs {
        var shape = spec.shape
        for axis in shape.indices where shape[axis] < 0 {
          let length = lengths.randomElement(using: &random) ?? 32
          shape[axis] = axis == 0 ? Int.random(in: 1...2, using: &random) : length
        }
        // Lines of text have this height. OpenVINO refuses others, and ONNX Runtime accepts them.
        if name == "text-recognition" { shape[2] = 48 }
        tensors.append(floats(shape, &random))
      }
      let shapes = tensors.map(\.shape)
      let expected = try? await second.infer(tensors)
      do {
        let answer = try await session.infer(tensors)
        let right = try #require(expected, "\(shapes): ONNX Runtime refuses what OpenVINO answers")
        #expect(isNear(answer, right, 5e-3), "\(shapes)")
        answered += 1
      } catch let error as InferenceError {
        #expect(expected == nil, "\(shapes): \(error)")
      }
    }
    #expect(answered > 0)
  }

  /// Texts of random lengths in one session, and in one that has run nothing else.
  @Test func sentencesDoNotDependOnEarlierOnes() async throws {
    let registry = TestHost.registry()
    guard let version = registry.versions(of: "sentence-embedding").last else { return }
    let package = try registry.package("sentence-embedding", version).package
    let (session, second) = (try await open(package, .openVINO), try await open(package, .openVINO))
    var random = SeededRandom(seed: 12)
    func tokens(_ shape: [Int], _ range: ClosedRange<Double>) throws -> Tensor {
      let numbers = (0..<shape.reduce(1, *)).map { _ in Double.random(in: range, using: &random).rounded() }
      return try #require(Tensor(type: .int64, shape: shape, numbers: numbers))
    }
    for turn in 0..<20 {
      let shape: [Int] = [Int.random(in: 1...2, using: &random), Int.random(in: 1...24, using: &random)]
      let (ids, mask) = (try tokens(shape, 0...30_000), try tokens(shape, 1...1))
      // None of these can be run, and none changes the next answer.
      switch turn % 4 {
      case 0:
        await expectInvalid(
          session, [try tokens([1, 513], 0...9), try tokens([1, 513], 1...1)], "too long")
      case 1: await expectInvalid(session, [ids, try tokens([shape[0], shape[1] + 1], 1...1)], "'token'")
      case 2: await expectInvalid(session, [try tokens(shape, 30_522...30_522), mask], "30522 at index 0")
      default: await expectInvalid(session, [try tokens(shape, -1 ... -1), mask], "-1 at index 0")
      }
      let (one, other) = (try await session.infer([ids, mask]), try await second.infer([ids, mask]))
      #expect(isNear(one, other, 1e-6) && one[0].shape == [shape[0], 384])
    }
  }
}

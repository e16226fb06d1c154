import Foundation
import TestSupport
import Testing

@testable import Inference

/// Requests that run together: only those of models whose first dimension is a batch.
@Suite(.enabled(if: Models.areHere, "needs the library that 'make test' fetches"))
struct BatchTests {
  private let engine = OpenVINOEngine(folder: Models.runtime)

  private func host(_ packages: [ModelPackage]) throws -> ModelHost {
    let (registry, key) = try TinyModel.registry()
    for package in packages { try registry.add(package, signedWith: key) }
    return ModelHost(registry: registry, local: OpenVINOEngine(folder: Models.runtime), width: 8)
  }

  private static func runningSum(_ numbers: [Float]) -> [Double] {
    var sums: [Double] = [0, 0, 0]
    return numbers.enumerated().map { index, number in
      sums[index % 3] += Double(number)
      return sums[index % 3]
    }
  }

  /// A first dimension that is time: each request has its own sums.
  @Test func requestsOfATimeSeriesDoNotMix() async throws {
    let host = try host([SmallONNX.runningSum.package("series")])
    let model = try await host.model("series")
    #expect(!(model.session is BatchingSession))
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for number in 0..<200 {
        group.addTask {
          let numbers = (0..<(3 * (1 + number % 4))).map { Float($0 + number) }
          let tensor = Tensor(float32: [numbers.count / 3, 3], numbers)
          let answer = try await host.infer(model, [tensor], priority: .request, within: .seconds(30))
          return answer[0].numbers == Self.runningSum(numbers)
        }
      }
      for try await isRight in group { #expect(isRight) }
    }
  }

  @Test func aDeclaredBatchRunsTogether() async throws {
    let shape: [SmallONNX.Length] = [.named("b"), .fixed(3)]
    let host = try host([SmallONNX.double(.float32, shape).package("rows", isBatch: true)])
    let model = try await host.model("rows")
    #expect(model.manifest.isBatch && model.session is BatchingSession)
  }

  @Test func rowsThatAffectEachOtherAreFound() async throws {
    let series = try await engine.open(SmallONNX.runningSum.package(), SessionOptions())
    do {
      try await RowCheck.check(series)
      Issue.record("a time series was taken for a batch")
    } catch { #expect(error.kind == .model && error.description.contains("affect each other"), "\(error)") }
    let fixed = try await engine.open(
      SmallONNX.double(.float32, [.fixed(2), .fixed(3)]).package(), SessionOptions())
    await #expect(throws: InferenceError.self) { try await RowCheck.check(fixed) }
    let weights = (0..<128).map { Float($0) / 100 }
    for model in [
      SmallONNX.double(.float32, [.named("b"), .fixed(3)]), .product(weights), .positions(weights), .sum,
    ] {
      let session = try await engine.open(model.package(), SessionOptions())
      try await RowCheck.check(session)
    }
  }

  @Test func theManifestKeepsTheStatement() throws {
    var manifest = ModelManifest(name: "rows", version: "1", task: .tensors)
    manifest.files = [ModelManifest.File(name: "a.onnx", size: 1, digest: String(repeating: "0", count: 64))]
    #expect(!manifest.text.contains("batch"))
    manifest.isBatch = true
    #expect(try ModelManifest(text: manifest.text, file: "manifest.yaml") == manifest)
  }
}

import Foundation
import Inference
import TestSupport
import Testing

@Suite(.enabled(if: Models.areHere, "needs the library that 'make test' fetches"))
struct HostTests {
  private func rows(_ numbers: [Float]) -> Tensor { Tensor(float32: [numbers.count / 3, 3], numbers) }

  @Test func modelsRunAndAreCounted() async throws {
    let host = TinyModel.host(try TinyModel.registry().registry)
    let model = try await host.model("double")
    #expect(model.session.inputs == [TensorSpec(name: "x", type: .float32, shape: [-1, 3])])
    #expect(model.session.outputs.map(\.name) == ["y"])
    let result = try await host.infer(model, [rows([1, 2, 3, 4, 5, 6])], priority: .request)
    #expect(result[0].shape == [2, 3] && result[0].numbers == [2, 4, 6, 8, 10, 12])
    // Another shape with the same request.
    let again = try await host.infer(model, [rows([7, 8, 9])], priority: .request)
    #expect(again[0].numbers == [14, 16, 18])
    // Small inputs are copied and large ones lent, by turns: none is taken for another.
    for (turn, count) in [1, 4000, 1, 4000, 4000, 1, 2].enumerated() {
      let numbers = (0..<(3 * count)).map { Float($0 + turn * 7) }
      let answer = try await host.infer(model, [rows(numbers)], priority: .request)
      #expect(answer[0].numbers == numbers.map { Double(2 * $0) }, "\(turn)")
    }
    let row = try #require(await host.index().first { $0.name == "double" })
    #expect(row.state == "READY" && row.metrics.runs == 9 && row.metrics.latency(0.5) ?? 0 > 0)
  }

  @Test func invalidInputIsRefusedAndTheModelStaysUsable() async throws {
    let host = TinyModel.host(try TinyModel.registry().registry)
    let model = try await host.model("double")
    let wrong: [[Tensor]] = [
      [], [rows([1, 2, 3]), rows([1, 2, 3])], [Tensor(float32: [1, 4], [1, 2, 3, 4])],
      [try #require(Tensor(type: .uint8, shape: [1, 3], bytes: [1, 2, 3]))],
    ]
    for tensors in wrong {
      do {
        _ = try await host.infer(model, tensors, priority: .request)
        Issue.record("it was taken")
      } catch { #expect(error.kind == .input) }
    }
    let nan = try await host.infer(model, [rows([.nan, .infinity, 1])], priority: .request)
    #expect(nan[0].numbers[0].isNaN && nan[0].numbers[2] == 2)
  }

  /// Manifests that declare other tensors than the model has, and the right ones.
  @Test func manifestsWithOtherTensorsAreRefused() async throws {
    let (registry, key) = try TinyModel.registry()
    func add(_ name: String, _ inputs: [TensorSpec], _ outputs: [TensorSpec]) throws {
      var manifest = ModelManifest(name: name, version: "1", task: .tensors)
      (manifest.inputs, manifest.outputs) = (inputs, outputs)
      let file = ModelPackage.File(name: "double.xml", bytes: Array(TinyModel.double.utf8))
      try registry.add(ModelPackage(manifest: manifest, files: [file]), signedWith: key)
    }
    let row = TensorSpec(name: "x", type: .float32, shape: [-1, 3])
    try add("right", [row], [TensorSpec(name: "y", type: .float32, shape: [1, 3])])
    try add("wide", [TensorSpec(name: "x", type: .float32, shape: [-1, 4])], [])
    try add("whole", [TensorSpec(name: "x", type: .int32, shape: [-1, 3])], [])
    try add("many", [row, row], [])
    try add("silent", [], [row, row])
    let host = TinyModel.host(registry)
    _ = try await host.model("right")
    for name in ["wide", "whole", "many", "silent"] {
      do {
        _ = try await host.model(name)
        Issue.record("\(name) was loaded")
      } catch {
        #expect(error.kind == .model && error.description.contains("its manifest declares"), "\(error)")
      }
    }
  }

  /// Random bytes under the file names of all formats fail with an error and do not affect other models.
  @Test func unreadableModelsAreReportedAndOthersRun() async throws {
    let (registry, key) = try TinyModel.registry()
    for (index, name) in ["a.onnx", "a.tflite", "a.xml", "a.onnx", "a.tflite"].enumerated() {
      let bytes: [UInt8] =
        index < 3 ? Array("this is no model".utf8) : (0..<4096).map { UInt8(truncatingIfNeeded: $0 &* 31) }
      try registry.add(
        ModelPackage(
          manifest: ModelManifest(name: "broken\(index)", version: "1", task: .tensors),
          files: [ModelPackage.File(name: name, bytes: bytes)]), signedWith: key)
    }
    let host = TinyModel.host(registry)
    for index in 0..<5 {
      do {
        _ = try await host.model("broken\(index)")
        Issue.record("broken\(index) was loaded")
      } catch {
        #expect(error.kind == .model && error.description.contains("broken\(index)"), "\(error)")
      }
    }
    #expect(try await host.model("double").manifest.name == "double")
  }

  @Test func aVersionReplacesAnotherWithoutInterruption() async throws {
    let (registry, key) = try TinyModel.registry()
    let host = TinyModel.host(registry)
    #expect(try await host.model("double").manifest.version == "1")
    try TinyModel.add("double", version: "2", TinyModel.double, to: registry, key)
    let end = ContinuousClock.now + .seconds(20)
    var seen: [String] = []
    while seen.last != "2", ContinuousClock.now < end {
      let model = try await host.model("double")
      _ = try await host.infer(model, [rows([1, 2, 3])], priority: .request)
      if seen.last != model.manifest.version { seen.append(model.manifest.version) }
    }
    #expect(seen == ["1", "2"])
    // A version that can't be loaded does not take the place of one that runs.
    try registry.add(
      ModelPackage(
        manifest: ModelManifest(name: "double", version: "3", task: .tensors),
        files: [ModelPackage.File(name: "double.xml", bytes: Array("nothing".utf8))]), signedWith: key)
    try await Task.sleep(for: .milliseconds(2500))
    for _ in 0..<3 {
      #expect(try await host.model("double").manifest.version == "2")
      try await Task.sleep(for: .milliseconds(100))
    }
    try registry.pin("double", "1", signedWith: key)
    try await Task.sleep(for: .milliseconds(1200))
    _ = try await host.model("double")
    try await Task.sleep(for: .milliseconds(500))
    #expect(try await host.model("double").manifest.version == "1")
  }

  @Test func aCanaryServesItsShare() async throws {
    let (registry, key) = try TinyModel.registry()
    try TinyModel.add("double", version: "2", TinyModel.double, to: registry, key)
    try registry.pin("double", "2", canaryShare: 0.2, signedWith: key)
    let host = TinyModel.host(registry)
    _ = try await host.model("double", version: "1")
    _ = try await host.model("double", version: "2")
    var shares = ["1": 0, "2": 0]
    for draw in 0..<100 {
      let version = try await host.model("double", draw: Double(draw) / 100).manifest.version
      shares[version, default: 0] += 1
    }
    #expect(shares == ["1": 80, "2": 20])
  }

  @Test func aThousandConcurrentRequestsComplete() async throws {
    let host = TinyModel.host(try TinyModel.registry().registry)
    let model = try await host.model("double")
    // Beside the gate: what waits for the model itself is run in lots.
    let sums = try await withThrowingTaskGroup(of: Bool.self) { group in
      for number in 0..<1000 {
        group.addTask {
          let value = Float(number)
          let rows = 1 + number % 3
          let result = try await model.session.infer([
            Tensor(float32: [rows, 3], Array(repeating: value, count: rows * 3))
          ])
          return result[0].shape == [rows, 3] && result[0].numbers.allSatisfy { $0 == Double(2 * value) }
        }
      }
      return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
    }
    #expect(sums == 1000)
  }

  @Test func higherPrioritiesRunFirstAndLateRequestsFail() async throws {
    let gate = InferenceScheduler(width: 1, depth: 3)
    let order = Order()
    let first = Task {
      try? await gate.run(.request, within: .seconds(5)) { try? await Task.sleep(for: .milliseconds(300)) }
    }
    try await Task.sleep(for: .milliseconds(50))
    let later = [InferencePriority.background, .standard, .interactive].map { priority in
      Task {
        try? await gate.run(priority, within: priority == .standard ? .milliseconds(50) : .seconds(5)) {
          await order.add("\(priority)")
        }
      }
    }
    try await Task.sleep(for: .milliseconds(50))
    // The queue is full.
    do {
      try await gate.run(.interactive, within: .seconds(5)) {}
      Issue.record("it was let in")
    } catch { #expect(error.kind == .late) }
    await first.value
    for task in later { await task.value }
    #expect(await order.list == ["interactive", "background"])
  }

  @Test func memoryIsReleased() async throws {
    let (registry, key) = try TinyModel.registry()
    for number in 0..<10 { try TinyModel.add("model\(number)", TinyModel.double, to: registry, key) }
    let host = TinyModel.host(registry)
    func cycle() async throws {
      for number in 0..<10 {
        let model = try await host.model("model\(number)")
        _ = try await host.infer(model, [rows([1, 2, 3])], priority: .request)
      }
      for number in 0..<10 {
        try await host.unload("model\(number)")
        try await host.reload("model\(number)")
        try await host.unload("model\(number)")
      }
      for number in 0..<10 { try await host.reload("model\(number)") }
      for number in 0..<10 { try await host.unload("model\(number)") }
      for number in 0..<10 { try await host.reload("model\(number)") }
    }
    for _ in 0..<5 { try await cycle() }
    let (memory, files) = (Self.residentKiB(), Self.descriptors())
    for _ in 0..<20 { try await cycle() }
    // Each cycle loads each model four times.
    #expect(Self.residentKiB() < memory + 24 * 1024)
    #expect(Self.descriptors() <= files)
  }

  private static func residentKiB() -> Int {
    let text = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix("VmRSS:") } ?? ""
    return line.split(separator: " ").compactMap { Int($0) }.first ?? 0
  }

  private static func descriptors() -> Int {
    (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 0
  }
}

private actor Order {
  private(set) var list: [String] = []
  func add(_ name: String) { list.append(name) }
}

import COnnxRuntime
import COpenVINO
import Foundation
import TestSupport
import Testing

@testable import Inference

/// Every call of a library fails once: the result is an error or the right answer, and the next run is right.
@Suite(
  .serialized,
  .enabled(
    if: Models.areHere && Models.hear && FileManager.default.isExecutableFile(atPath: "/usr/bin/cc"),
    "needs the libraries that 'make test' fetches, and a C compiler"))
struct FaultTests {
  /// An open first dimension, and a scalar output.
  private static var model: SmallONNX {
    var model = SmallONNX()
    model.node("Add", ["x", "s"], "y")
    model.node("ReduceSum", ["y"], "z", numbers: ["keepdims": 0])
    model.input("x", [.named("n"), .fixed(3)])
    model.input("s", [])
    model.output("y", [.named("n"), .fixed(3)])
    model.output("z", [])
    return model
  }

  private static func run(_ session: any ModelSession, _ rows: Int) async throws {
    let numbers = (0..<(3 * rows)).map { Float($0) }
    let scalar = try #require(Tensor(type: .float32, shape: [], numbers: [2]))
    let answer = try await session.infer([Tensor(float32: [rows, 3], numbers), scalar])
    let expected = numbers.map { Double($0 + 2) }
    #expect(answer[0].numbers == expected && answer[1].numbers == [expected.reduce(0, +)])
    #expect(answer.map(\.shape) == [[rows, 3], []])
  }

  /// Runs all calls once, then each again with the failure of one call.
  private static func injectFaults(
    _ library: FaultyLibrary, _ open: () throws -> any ModelSession
  ) async throws {
    library.fail(-1)
    try await run(try open(), 2)
    let opening = library.count
    #expect(opening > 8)
    var failures = 0
    for call in 0..<1000 {
      library.fail(call)
      var session: (any ModelSession)?
      var hasFailed = false
      do {
        session = try open()
        for rows in [2, 2, 400, 1] {
          do { try await run(try #require(session), rows) } catch let error as InferenceError {
            hasFailed = true
            #expect(!error.description.isEmpty)
          }
        }
      } catch let error as InferenceError {
        hasFailed = true
        #expect(error.description.count > 10, "\(call)")
      }
      if hasFailed { failures += 1 }
      let isPast = library.count <= call
      library.fail(-1)
      // The same session, after the failure.
      if let session { for rows in [2, 400] { try await run(session, rows) } }
      if isPast { break }
    }
    #expect(failures > 10)
  }

  @Test func everyCallOfOpenVINOMayFail() async throws {
    let library = try await FaultyLibrary.openVINO()
    library.fail(-1)
    var error = [CChar](repeating: 0, count: 512)
    var opened: OpaquePointer?
    for call in 0..<1000 {
      library.fail(call)
      error[0] = 0
      opened = covino_open(library.file, &error, error.count)
      if opened != nil, library.count <= call { break }
      #expect(opened != nil || !DynamicLibrary.text(error).isEmpty, "\(call)")
    }
    let pointer = try #require(opened)
    let openVINO = OpenVINOLibrary(DynamicLibrary.Opened(pointer: pointer, file: library.file))
    try await Self.injectFaults(library) {
      try OpenVINOSession(openVINO, Self.model.package(), SessionOptions())
    }
  }

  @Test func everyCallOfONNXRuntimeMayFail() async throws {
    let library = try await FaultyLibrary.onnxRuntime()
    var error = [CChar](repeating: 0, count: 512)
    var opened: OpaquePointer?
    for call in 0..<100 {
      library.fail(call)
      error[0] = 0
      opened = conr_open(library.file, &error, error.count)
      if opened != nil, library.count <= call { break }
      #expect(opened != nil || error[0] != 0, "\(call)")
    }
    let pointer = try #require(opened)
    let onnxRuntime = OnnxRuntimeLibrary(DynamicLibrary.Opened(pointer: pointer, file: library.file))
    #expect(onnxRuntime.version == "unknown")
    try await Self.injectFaults(library) {
      try OnnxRuntimeSession(onnxRuntime, Self.model.package(), SessionOptions())
    }
  }
}

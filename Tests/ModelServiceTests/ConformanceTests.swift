import Foundation
import TestSupport
import Testing

@testable import ModelService

/// The server against clients and checkers of other projects.
@Suite(
  .enabled(
    if: Models.areHere && FileManager.default.fileExists(atPath: TestPaths.serversPython),
    "needs the servers that 'make test' installs"))
struct ConformanceTests {
  @Test func tritonclientWorksUnmodified() async throws {
    try await withServer(try TinyModel.registry().registry) { port in
      let result = try await run([
        TestPaths.root + "/Tests/Python/tritonclient_check.py", "127.0.0.1:\(port)",
      ])
      #expect(result.status == 0 && result.output.contains("agrees"), "\(result.output)")
    }
  }

  /// schemathesis generates requests from the OpenAPI document; every answer is one that the document lists.
  @Test func generatedRequestsGetDocumentedAnswers() async throws {
    try await withServer(try TinyModel.registry().registry) { port in
      let result = try await run([
        TestPaths.root + "/.build/servers/bin/schemathesis", "run", "http://127.0.0.1:\(port)/openapi.json",
        "--max-examples", "25", "--checks",
        "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
        "--no-color", "--seed", "7",
        "--phases", "examples,coverage,fuzzing", "--max-time", "20",
      ])
      #expect(result.status == 0, "\(result.output.suffix(3000))")
    }
  }

  private func run(_ arguments: [String]) async throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: TestPaths.serversPython)
    process.arguments = arguments
    // schemathesis stores its findings in the working folder.
    process.currentDirectoryURL = URL(fileURLWithPath: try TestPaths.temporaryFolder())
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    return await withCheckedContinuation { continuation in
      // Reading blocks, so it runs on a thread of its own.
      Thread.detachNewThread {
        let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        continuation.resume(returning: (process.terminationStatus, output))
      }
    }
  }
}

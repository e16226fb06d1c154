import Diagnostics
import Foundation
import Testing

/// No text of an error has the notation of Foundation.
struct ErrorReasonTests {
  private struct Value: Decodable {
    var list: [Int]
  }

  private func error(_ body: () throws -> Void) -> any Error {
    do { try body() } catch { return error }
    return CocoaError(.fileNoSuchFile)
  }

  private func reason(_ json: String) -> String {
    error { _ = try JSONDecoder().decode(Value.self, from: Data(json.utf8)) }.reason
  }

  @Test func decodingErrorsNameTheKey() {
    #expect(reason("{}") == "the key 'list' is missing")
    #expect(reason(#"{"list": [1, "x"]}"#) == "'list.[1]' has another type")
    #expect(reason("{") == "the content is not valid JSON")
    #expect(reason("3") == "the content has another form than expected")
  }

  @Test func errorsOfFoundationHaveNoDomainNotation() {
    let errors: [any Error] = [
      error { _ = try String(contentsOfFile: "/nonexistent", encoding: .utf8) },
      error { _ = try Data(contentsOf: URL(fileURLWithPath: "/")) },
      error { _ = try FileManager.default.contentsOfDirectory(atPath: "/nonexistent") },
      error { try Data().write(to: URL(fileURLWithPath: "/nonexistent/x")) },
      error { try FileManager.default.moveItem(atPath: "/nonexistent", toPath: "/nonexistent2") },
      error { _ = try JSONSerialization.jsonObject(with: Data("{".utf8)) },
      error {
        let process = Process(); process.executableURL = URL(fileURLWithPath: "/nonexistent");
        try process.run()
      },
      NSError(domain: "Some", code: 5), NSError(domain: NSPOSIXErrorDomain, code: 13),
      NSError(domain: "Outer", code: 1, userInfo: [NSUnderlyingErrorKey: POSIXError(.ENOSPC)]),
      URLError(.timedOut),
    ]
    for error in errors {
      let text = error.reason
      for mark in [
        "Domain=", "NSError", "UserInfo", "CocoaError", "couldn", "could not be completed", "Code=",
      ] {
        #expect(!text.contains(mark), "\(text)")
      }
      #expect(!text.isEmpty && text.count < 200, "\(text)")
    }
    #expect(NSError(domain: "Some", code: 5).reason == "the operation failed (Some 5)")
    #expect(NSError(domain: NSPOSIXErrorDomain, code: 13).reason == "Permission denied")
  }
}

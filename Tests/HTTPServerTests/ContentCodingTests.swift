import Compression
import Foundation
import TestSupport
import Testing

@testable import HTTPServer

/// Bodies with `Content-Encoding`.
@Suite(.serialized)
struct ContentCodingTests {
  private static let zeros = [UInt8](repeating: 0, count: 3 << 20)
  /// RFC 1952: the header of gzip without options.
  private static let gzipHeader: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255]

  private static func littleEndian(_ value: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  /// A member of gzip data, made of the deflate data within a zlib stream.
  private static func gzip(_ bytes: [UInt8]) throws -> [UInt8] {
    let raw = try deflateZlib(bytes).dropFirst(2).dropLast(4)
    let sum = bytes.withUnsafeBytes { crc32($0) }
    return gzipHeader + raw + littleEndian(sum) + littleEndian(UInt32(bytes.count))
  }

  /// Sends a body, and returns the status, the body and the headers of the answer.
  private func post(
    _ port: Int, _ body: [UInt8], _ encoding: String, token: String? = nil, _ arguments: [String] = []
  ) async throws -> (status: Int, text: String) {
    let file = try TestPaths.temporaryFolder() + "/body"
    try Data(body).write(to: URL(fileURLWithPath: file))
    return try await curl(
      "http://127.0.0.1:\(port)/echo", token: token, method: "POST",
      ["--header", "Content-Encoding: \(encoding)", "--data-binary", "@\(file)"] + arguments)
  }

  @Test func encodedBodiesAreDecoded() async throws {
    let text = Array("a body that is sent in several forms".utf8)
    let zlib = try deflateZlib(text)
    let member = try Self.gzip(text)
    try await withService { port in
      for (encoding, body, size) in [
        ("gzip", member, 36), ("GZIP", member, 36), ("x-gzip", member + member, 72), ("deflate", zlib, 36),
        // Deflate data without zlib's header, as some clients send them.
        ("deflate", Array(zlib.dropFirst(2).dropLast(4)), 36), ("identity", text, 36), ("", text, 36),
        ("gzip", try Self.gzip(Self.zeros), Self.zeros.count),
      ] {
        let answer = try await post(port, body, encoding)
        #expect(answer.status == 200 && answer.text.hasPrefix("\(size) "), "\(encoding): \(answer)")
      }
      let chunked = try await post(port, member, "gzip", ["--header", "Transfer-Encoding: chunked"])
      #expect(chunked.text.hasPrefix("36 "))
    }
  }

  @Test func otherEncodingsAreRefusedBeforeTheBodyIsRead() async throws {
    try await withService { port in
      for encoding in ["br", "zstd", "gzip, deflate", "nonsense"] {
        let answer = try await post(port, [1, 2, 3], encoding, ["--include"])
        #expect(answer.status == 415 && answer.text.lowercased().contains("accept-encoding: gzip, deflate"))
        #expect(answer.text.contains("http-encoding-unsupported"))
      }
      // A request without a body has nothing to decode.
      let empty = try await curl("http://127.0.0.1:\(port)/echo", ["--header", "Content-Encoding: br"])
      #expect(empty.status == 200)
    }
  }

  @Test func bodiesThatAreNotWhatTheyClaimAreRefused() async throws {
    let member = try Self.gzip(Array("text".utf8))
    try await withService { port in
      for (encoding, body) in [
        ("gzip", Array("no gzip data".utf8)), ("gzip", Array(member.dropLast(5))),
        ("gzip", member + [1, 2, 3]),
        ("deflate", [0xFF, 0xFF, 0xFF]), ("deflate", try deflateZlib([1, 2, 3]) + [0]),
      ] {
        let answer = try await post(port, body, encoding)
        #expect(answer.status == 400, "\(encoding) \(body): \(answer)")
        #expect(try code(answer.text) == "http-encoding-invalid")
      }
    }
  }

  /// 3 kB inflate to 3 MiB.
  @Test func aBombIsInflatedToTheLimitAlone() async throws {
    let bomb = try Self.gzip(Self.zeros)
    try #require(bomb.count < 4096)
    try await withService(change: { $0.maximumBody = 1 << 20 }) { port in
      let answer = try await post(port, bomb, "gzip")
      #expect(answer.status == 413)
      #expect(try code(answer.text) == "http-body-too-large")
      // What it took is given back.
      for _ in 0..<20 { #expect(try await post(port, bomb, "gzip").status == 413) }
      #expect(try await post(port, try Self.gzip([1]), "gzip").status == 200)
    }
  }

  @Test func aStrangersBodyIsNotInflated() async throws {
    let tokens = [HTTPServerOptions.Token(secret: "0123456789abcdef")]
    try await withService(change: { $0.tokens = tokens }) { port in
      for encoding in ["gzip", "br"] {
        let answer = try await post(port, [1, 2, 3], encoding)
        #expect(answer.status == 401)
      }
    }
  }

  @Test func memoryIsReservedBeforeItIsTaken() throws {
    struct Refusal: Error {}
    let bomb = try Self.gzip(Self.zeros)
    var largest = 0
    #expect(throws: Refusal.self) {
      _ = try BodyInflater.inflate(bomb, .gzip, limit: .max) { size in
        largest = size
        if size > 1 << 20 { throw Refusal() }
      }
    }
    #expect(largest <= (1 << 20) + (64 << 10))
  }
}

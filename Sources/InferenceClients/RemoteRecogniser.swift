import AsyncHTTPClient
import Diagnostics
import Dispatch
import Foundation
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
public import Speech
import Synchronization

/// Speech recognition on a server with OpenAI's `/audio/transcriptions`.
public final class RemoteRecogniser: SpeechRecogniser {
  private let address: String
  private let model: String
  private let key: String?
  private let language: String?
  private let timeout: Double
  private let client: HTTPClient

  public let identity: RecogniserIdentity

  /// - Parameters:
  ///   - address: `http://HOST:PORT/v1`.
  ///   - key: sent as a bearer token.
  ///   - timeout: seconds for one utterance.
  public init(address: String, model: String, key: String?, language: String?, timeout: Double = 15) {
    self.address = address
    self.model = model
    self.key = key
    self.language = language
    self.timeout = timeout
    identity = RecogniserIdentity(model: model, version: address, digest: "")
    var configuration = HTTPClient.Configuration()
    configuration.timeout.connect = .seconds(3)
    configuration.redirectConfiguration = .disallow
    client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
  }

  deinit { try? client.syncShutdown() }

  public func recognise(_ samples: [Float]) throws(SpeechError) -> Recognition {
    let answer = Mutex<Result<Recognition, SpeechError>>(
      .failure(SpeechError("the speech server at \(address) did not answer within \(timeout) s")))
    let done = DispatchSemaphore(value: 0)
    // Recognition runs on a thread of its own, which may block.
    let task = Task { [self] in
      let result: Result<Recognition, SpeechError>
      do throws(SpeechError) { result = .success(try await send(samples)) } catch { result = .failure(error) }
      answer.withLock { $0 = result }
      done.signal()
    }
    if done.wait(timeout: .now() + timeout + 5) == .timedOut { task.cancel() }
    return try answer.withLock { $0 }.get()
  }

  private func send(_ samples: [Float]) async throws(SpeechError) -> Recognition {
    let boundary = "vrbridge-\(UUID().uuidString)"
    var body = Data()
    func field(_ name: String, _ value: String) {
      body += Data(
        "--\(boundary)\r\nContent-Disposition: form-data; name=\"\(name)\"\r\n\r\n\(value)\r\n".utf8)
    }
    field("model", model)
    field("response_format", "json")
    if let language { field("language", language) }
    let head =
      "--\(boundary)\r\nContent-Disposition: form-data; name=\"file\"; filename=\"speech.wav\"\r\n"
      + "Content-Type: audio/wav\r\n\r\n"
    body += Data(head.utf8) + Self.wave(samples) + Data("\r\n--\(boundary)--\r\n".utf8)
    var request = HTTPClientRequest(url: address + "/audio/transcriptions")
    request.method = .POST
    request.headers.add(name: "content-type", value: "multipart/form-data; boundary=\(boundary)")
    if let key { request.headers.add(name: "authorization", value: "Bearer \(key)") }
    request.body = .bytes(ByteBuffer(data: body))
    let status: Int
    let bytes: Data
    do {
      let response = try await client.execute(request, timeout: .milliseconds(Int64(timeout * 1000)))
      status = Int(response.status.code)
      bytes = Data(buffer: try await response.body.collect(upTo: 1 << 20))
    } catch {
      throw SpeechError(
        "the speech server at \(address) does not answer: \(error.reason.prefix(160))")
    }
    guard status == 200 else {
      throw SpeechError(
        "the speech server at \(address) answered \(status): \(ServerErrorText.read([UInt8](bytes)))")
    }
    guard let answer = try? JSONDecoder().decode(Answer.self, from: bytes) else {
      throw SpeechError("the answer of the speech server at \(address) has no 'text'")
    }
    return Recognition(
      text: answer.text.trimmingCharacters(in: .whitespacesAndNewlines), language: answer.language)
  }

  private struct Answer: Decodable {
    var text: String
    var language: String?
  }

  /// Returns a WAV file with 16-bit PCM at 16 kHz.
  static func wave(_ samples: [Float]) -> Data {
    var data = Data("RIFF".utf8)
    func put(_ value: UInt32) { withUnsafeBytes(of: value.littleEndian) { data.append(contentsOf: $0) } }
    let size = UInt32(clamping: samples.count * 2)
    put(size &+ 36)
    data += Data("WAVEfmt ".utf8)
    for value: UInt32 in [16, 1 << 16 | 1, 16_000, 32_000, 16 << 16 | 2] { put(value) }
    data += Data("data".utf8)
    put(size)
    for sample in samples {
      let value = Int16(max(-32_768, min(32_767, (sample * 32_768).rounded())))
      withUnsafeBytes(of: value.littleEndian) { data.append(contentsOf: $0) }
    }
    return data
  }
}

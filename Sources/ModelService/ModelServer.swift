import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import Imaging
import Inference
import Logging
import NIOCore
import NIOSSL
import Perception
import ServiceLifecycle

/// Serves models over HTTP: Open Inference Protocol v2, TensorFlow Serving's predict, pictures to labels, and frames of
/// programs with a camera of their own.
public struct ModelServer: Service {
  private let options: ServiceOptions
  private let endpoints: ModelEndpoints
  private let log: Logger
  private let onRunning: @Sendable (Int?) -> Void

  /// - Parameters:
  ///   - frames: takes a client's frame, and says whether it did; nil where none are taken.
  ///   - onRunning: is told the port.
  /// - Throws: when the address needs what is not configured.
  public init(
    _ options: ServiceOptions, host: ModelHost, product: String, log: Logger,
    frames: (@Sendable (SubmittedFrame) -> Bool)? = nil,
    onRunning: @escaping @Sendable (Int?) -> Void = { _ in }
  ) throws(ServiceFault) {
    if let problem = options.problem { throw ServiceFault(problem) }
    self.options = options
    self.log = log
    self.onRunning = onRunning
    endpoints = ModelEndpoints(options: options, host: host, product: product, frames: frames)
  }

  public func run() async throws {
    let limit = RateLimit(options.requestsPerSecond)
    let responder = CallbackResponder<BasicRequestContext> { [endpoints, options] request, _ in
      guard limit.admits() else {
        return HTTPReply.error(.tooManyRequests, "too many requests a second").response
      }
      var body: [UInt8] = []
      do {
        let buffer = try await request.body.collect(upTo: options.maximumBody)
        body = Array(buffer.readableBytesView)
      } catch {
        return HTTPReply.error(.contentTooLarge, "a body has \(options.maximumBody) bytes at most").response
      }
      return await endpoints.answer(request, body).response
    }
    var quiet = log
    quiet.logLevel = max(log.logLevel, .warning)
    let address: BindAddress
    switch options.address {
    case .network(let host, let port): address = .hostname(host, port: port)
    case .unix(let path):
      // What a server that died has left; a file of another kind is somebody's.
      var information = stat()
      if lstat(path, &information) == 0 {
        guard information.st_mode & S_IFMT == S_IFSOCK else {
          throw ServiceFault("models can't be served at \(path): there is a file that is no socket")
        }
        unlink(path)
      }
      address = .unixDomainSocket(path: path)
    }
    let application = Application(
      responder: responder, server: try server(),
      configuration: ApplicationConfiguration(address: address, serverName: nil),
      onServerRunning: { [log, onRunning, options] channel in
        let port = channel.localAddress?.port
        log.info("models are served", metadata: ["address": "\(options.address.text)"])
        if case .unix(let path) = options.address { chmod(path, 0o660) }
        onRunning(port)
      }, logger: quiet)
    do { try await application.run() } catch let error as IOError {
      throw ServiceFault(
        "models can't be served at \(options.address.text): \(String(cString: strerror(error.errnoCode)))")
    }
  }

  private func server() throws -> HTTPServerBuilder {
    guard let tls = options.tls else { return .http1() }
    do {
      let chain = try NIOSSLCertificate.fromPEMFile(tls.certificate).map {
        NIOSSLCertificateSource.certificate($0)
      }
      let key = try NIOSSLPrivateKey(file: tls.key, format: .pem)
      var configuration = TLSConfiguration.makeServerConfiguration(
        certificateChain: chain, privateKey: .privateKey(key))
      configuration.minimumTLSVersion = .tlsv12
      return try .tls(tlsConfiguration: configuration)
    } catch {
      throw ServiceFault("certificate and key in \(tls.certificate) and \(tls.key) can't be used: \(error)")
    }
  }
}

/// Why models are not served, in a sentence.
public struct ServiceFault: Error, Sendable, CustomStringConvertible {
  public var description: String
  init(_ description: String) { self.description = description }
}

/// What is answered.
struct HTTPReply {
  var status: HTTPResponse.Status
  var type = "application/json"
  var body: [UInt8] = []
  var headers: [(HTTPField.Name, String)] = []

  static func json(_ text: String) -> HTTPReply { HTTPReply(status: .ok, body: Array(text.utf8)) }

  /// With the key that Triton's clients look for.
  static func error(_ status: HTTPResponse.Status, _ message: String) -> HTTPReply {
    HTTPReply(status: status, body: Array("{\"error\":\(JSONTensor.quoted(message))}".utf8))
  }

  var response: Response {
    var fields = HTTPFields()
    fields[.contentType] = type
    for (name, value) in headers { fields[name] = value }
    return Response(status: status, headers: fields, body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
  }
}

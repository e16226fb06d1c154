import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import Imaging
import Inference
import Logging
import NIOCore
public import NIOSSL
import Perception
import ServiceLifecycle

/// Serves models over HTTP: Open Inference Protocol v2, TensorFlow Serving's predict, pictures to labels, and frames of
/// programs with a camera of their own.
public struct ModelServer: Service {
  private let options: ServiceOptions
  private let endpoints: ModelEndpoints
  private let pages: (any HTTPPages)?
  private let log: Logger
  private let onRunning: @Sendable (Int?) -> Void

  /// - Parameters:
  ///   - frames: takes a client's frame, and says whether it did; nil where none are taken.
  ///   - monitor: for /metrics and /health; nil for a service of models alone.
  ///   - pages: other addresses, asked first.
  ///   - onRunning: is told the port.
  /// - Throws: when the address needs what is not configured.
  public init(
    _ options: ServiceOptions, host: ModelHost, product: String, log: Logger,
    frames: (@Sendable (SubmittedFrame) -> Bool)? = nil, monitor: ServiceMonitor? = nil,
    pages: (any HTTPPages)? = nil, onRunning: @escaping @Sendable (Int?) -> Void = { _ in }
  ) throws(ServiceFault) {
    if let problem = options.problem { throw ServiceFault(problem) }
    self.options = options
    self.pages = pages
    self.log = log
    self.onRunning = onRunning
    endpoints = ModelEndpoints(
      options: options, host: host, product: product, frames: frames, monitor: monitor)
  }

  public func run() async throws {
    let limit = RateLimit(options.requestsPerSecond)
    let browsers = BrowserGuard(options)
    var isUnix = false
    if case .unix = options.address { isUnix = true }
    let responder = CallbackResponder<PeerContext> { [endpoints, options, pages, isUnix] request, context in
      guard limit.admits() else {
        return HTTPReply.error(.tooManyRequests, "too many requests a second").response
      }
      if let refusal = browsers.refusal(
        host: request.head.authority, origin: request.headers[.origin], isUnix: isUnix)
      {
        return HTTPReply.error(.forbidden, refusal).response
      }
      var body: [UInt8] = []
      do {
        let buffer = try await request.body.collect(upTo: options.maximumBody)
        body = Array(buffer.readableBytesView)
      } catch {
        return HTTPReply.error(.contentTooLarge, "a body has \(options.maximumBody) bytes at most").response
      }
      if let pages, !request.uri.path.hasPrefix("/v2/") {
        let peer = HTTPPeer(
          remote: context.remote, local: context.local,
          permission: options.permission(header: request.headers[.authorization]))
        // A page's pictures take their time: others wait for the connection's own thread.
        let response = await withTaskExecutorPreference(globalConcurrentExecutor) { [body] in
          await pages.answer(request, body: body, peer: peer)
        }
        if let response { return response }
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
        "the page and models can't be served at \(options.address.text): \(String(cString: strerror(error.errnoCode))); choose another place with --http or 'http: address'"
      )
    }
  }

  private func server() throws -> HTTPServerBuilder {
    let plain = HTTPServerBuilder { LoopChannel(base: HTTP1Channel(responder: $0)) }
    guard let tls = options.tls else { return plain }
    do {
      return try .tls(plain, tlsConfiguration: try tls.configuration())
    } catch let fault as ServiceFault {
      throw fault
    } catch {
      throw ServiceFault("TLS can't be served with \(tls.certificate): \(error)")
    }
  }
}

/// How the whole program goes.
public struct ServiceMonitor: Sendable {
  public var metricsType: String
  public var metrics: @Sendable () async -> String
  /// Why it can't do its work; nil when it can.
  public var problem: @Sendable () -> String?

  public init(
    metricsType: String, metrics: @escaping @Sendable () async -> String,
    problem: @escaping @Sendable () -> String?
  ) {
    self.metricsType = metricsType
    self.metrics = metrics
    self.problem = problem
  }
}

/// Why models are not served, in a sentence.
public struct ServiceFault: Error, Sendable, CustomStringConvertible {
  public var description: String
  public init(_ description: String) { self.description = description }
}

extension ServiceOptions.TLS {
  /// - Throws: `ServiceFault` when the files can't be used.
  public func configuration() throws -> TLSConfiguration {
    do {
      let chain = try NIOSSLCertificate.fromPEMFile(certificate).map {
        NIOSSLCertificateSource.certificate($0)
      }
      let key = try NIOSSLPrivateKey(file: key, format: .pem)
      var configuration = TLSConfiguration.makeServerConfiguration(
        certificateChain: chain, privateKey: .privateKey(key))
      configuration.minimumTLSVersion = .tlsv12
      return configuration
    } catch {
      throw ServiceFault("certificate and key in \(certificate) and \(key) can't be used: \(error)")
    }
  }
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

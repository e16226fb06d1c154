public import Authorisation
public import HTTPServer
import HTTPTypes
public import Hummingbird
public import Imaging
public import Inference

/// Limits of the model endpoints.
public struct ModelServiceOptions: Sendable, Equatable {
  /// Width times height of a submitted picture, at most.
  public var maximumPixels = 32 << 20
  /// Seconds that a request waits for its model, at most.
  public var timeout = 30.0

  public init() {}
}

/// Serves models: Open Inference Protocol v2, TensorFlow Serving's predict, and classification of pictures and texts.
public struct ModelEndpoints: HTTPHandler {
  enum Operation: Sendable {
    case server, live, ready, statistics
    case metadata, modelReady, modelStatistics, configuration, infer
    case index, load, unload
    case status, predict
    case classify, classifyText
  }

  private let product: String
  private let openInference: OpenInferenceEndpoints
  private let repository: RepositoryEndpoints
  private let tensorFlow: TensorFlowEndpoints
  private let classification: ClassificationEndpoints

  /// Small requests are answered in less time than a change of thread takes; large ones move to the concurrency pool.
  public var isQuick: Bool { true }
  private static let smallBody = 1 << 16
  /// Bytes of a text to classify, with its examples.
  private static let maximumText = 4 << 20

  /// - Parameters:
  ///   - pictures: decodes submitted pictures.
  ///   - product: version of the program, for the server's metadata.
  public init(
    host: ModelHost, pictures: PictureDecoder, product: String,
    options: ModelServiceOptions = ModelServiceOptions()
  ) {
    let access = ModelAccess(host: host, timeout: options.timeout)
    self.product = product
    openInference = OpenInferenceEndpoints(access: access)
    repository = RepositoryEndpoints(access: access)
    tensorFlow = TensorFlowEndpoints(access: access)
    classification = ClassificationEndpoints(
      access: access, pictures: pictures, maximumPixels: options.maximumPixels)
  }

  public static var routes: [HTTPRoute] { table.routes }

  private static let table = RouteTable<Operation>(
    [
      (HTTPRoute(.get, "/v2", .modelServer), .server),
      (HTTPRoute(.get, "/v2/health/live", .modelServer), .live),
      (HTTPRoute(.get, "/v2/health/ready", .modelServer), .ready),
      // Before the routes of a model, which "stats" could name.
      (HTTPRoute(.get, "/v2/models/stats", .models), .statistics),
    ] + modelRoutes("/v2/models/{model}") + modelRoutes("/v2/models/{model}/versions/{version}") + [
      (HTTPRoute(.post, "/v2/repository/index", .models), .index),
      (HTTPRoute(.post, "/v2/repository/models/{model}/load", .modelChange), .load),
      (HTTPRoute(.post, "/v2/repository/models/{model}/unload", .modelChange), .unload),
      (HTTPRoute(.post, "/v1/models/{model}:predict", .inference), .predict),
      (HTTPRoute(.post, "/v1/models/{model}/versions/{version}:predict", .inference), .predict),
      (HTTPRoute(.get, "/v1/models/{model}", .models), .status),
      (HTTPRoute(.get, "/v1/models/{model}/versions/{version}", .models), .status),
      (HTTPRoute(.post, "/classify", .inference), .classify),
      (HTTPRoute(.post, "/classify/text", .inference), .classifyText),
    ])

  private static func modelRoutes(_ prefix: String) -> [(route: HTTPRoute, operation: Operation)] {
    [
      (HTTPRoute(.get, prefix, .models), .metadata),
      (HTTPRoute(.get, prefix + "/ready", .models), .modelReady),
      (HTTPRoute(.get, prefix + "/stats", .models), .modelStatistics),
      (HTTPRoute(.get, prefix + "/config", .models), .configuration),
      (HTTPRoute(.post, prefix + "/infer", .inference), .infer),
    ]
  }

  public func admission(of request: Request, by rights: Rights) -> HTTPAdmission? {
    Self.table.admission(request) { operation, parameters in
      let call = ModelCall(request: request, body: [], rights: rights, parameters: parameters)
      if let refusal = refusal(operation, call) { return .refused(refusal.response) }
      return switch operation {
      case .infer, .predict, .classify: .large
      case .classifyText: .body(limit: Self.maximumText)
      default: .small
      }
    }
  }

  /// Returns the reply to a client that may not use the model of its request.
  private func refusal(_ operation: Operation, _ call: ModelCall) -> HTTPReply? {
    switch operation {
    case .load, .unload, .infer, .predict, .metadata, .modelReady, .modelStatistics, .configuration, .status:
      break
    case .server, .live, .ready, .statistics, .index, .classify, .classifyText: return nil
    }
    // The reply for a missing model does not show which models exist.
    return call.rights.mayUse(call.model) ? nil : .failure(ModelAccess.missing(call.model))
  }

  public func answer(_ request: Request, body: [UInt8], by rights: Rights) async -> Response? {
    await Self.table.answer(request) { operation, parameters in
      let call = ModelCall(request: request, body: body, rights: rights, parameters: parameters)
      do throws(InferenceError) {
        guard Self.isLong(operation, bytes: body.count) else { return try await reply(operation, call) }
        // The event loop serves other connections meanwhile.
        return try await withTaskExecutorPreference(globalConcurrentExecutor) {
          () async throws(InferenceError) in try await reply(operation, call)
        }
      } catch {
        return HTTPReply.failure(error)
      }
    }
  }

  private func reply(_ operation: Operation, _ call: ModelCall) async throws(InferenceError) -> HTTPReply {
    switch operation {
    case .server: OpenInferenceEndpoints.server(product: product)
    case .live, .ready: HTTPReply.text("")
    case .statistics: try await openInference.allStatistics(call)
    case .metadata: try await openInference.metadata(call)
    case .modelReady: await openInference.ready(call)
    case .modelStatistics: try await openInference.statistics(call)
    case .configuration: try await openInference.configuration(call)
    case .infer: try await openInference.infer(call)
    case .index: await repository.index(call)
    case .load: try await repository.load(call)
    case .unload: try await repository.unload(call)
    case .status: try await tensorFlow.status(call)
    case .predict: try await tensorFlow.predict(call)
    case .classify: try await classification.picture(call)
    case .classifyText: try await classification.text(call)
    }
  }

  /// Whether a request takes long enough to be answered on the concurrency pool: a picture is decoded, a large body parsed.
  static func isLong(_ operation: Operation, bytes: Int) -> Bool {
    operation == .classify || bytes > smallBody
  }
}

/// A request to a model endpoint.
struct ModelCall {
  var request: Request
  var body: [UInt8]
  var rights: Rights
  /// Model and version, as far as the route has them.
  var parameters: [String]

  var model: String { parameters.first ?? "" }
  var version: String? { parameters.count > 1 ? parameters[1] : nil }
}

extension HTTPReply {
  /// The status and the body of an inference error.
  static func failure(_ error: InferenceError) -> HTTPReply {
    let status: HTTPResponse.Status =
      switch error.kind {
      case .input: .badRequest
      case .notFound: .notFound
      case .unavailable, .late: .serviceUnavailable
      case .model, .failed: .internalServerError
      }
    return .error(status, error)
  }
}

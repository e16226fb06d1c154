import Admission
import Authorisation
import HTTPServer
import HTTPTypes
import Hummingbird
import Imaging
import Inference
import NIOCore
import Sensing
import TestSupport
import Testing

@testable import ModelService

/// An engine that opens no model.
private struct NoEngine: InferenceEngine {
  func open(
    _ model: ModelPackage, _ options: SessionOptions
  ) async throws(InferenceError) -> any ModelSession {
    throw InferenceError(.unavailable, "no model is opened")
  }
}

/// Requests to models are decided by their head.
struct ModelAdmissionTests {
  /// The status of a refusal, or the limit of the body.
  private enum Outcome: Equatable { case refused(Int), small, frame, large, missing }

  private func outcome(_ admission: HTTPAdmission?) -> Outcome {
    switch admission {
    case nil: .missing
    case .refused(let response): .refused(Int(response.status.code))
    case .body(let limit): limit == .max ? .large : limit > 4 << 20 ? .frame : .small
    }
  }

  /// The decision on a request as the server makes it: by the guard of the routes, then by the handler.
  private func outcome(
    _ request: Request, _ rights: Rights, _ routes: RouteGuard, _ handler: some HTTPHandler
  ) -> Outcome {
    if let refusal = routes.refusal(of: request, by: rights) { return .refused(Int(refusal.status.code)) }
    return outcome(handler.admission(of: request, by: rights))
  }

  private static let one = Rights(.unknown, .token, scopes: [.infer, .camera], models: ["double"])
  private static let all = Rights(.unknown, .token, scopes: Set(Scope.allCases))
  private static let none = Rights(.unknown, .noToken, scopes: [])

  @Test(
    arguments: [
      (.post, "/v2/models/double/infer", one, .large), (.post, "/v2/models/color/infer", one, .refused(404)),
      (.post, "/v2/models/color/infer", all, .large),
      (.post, "/v2/models/color/infer", none, .refused(401)),
      (.post, "/v1/models/color:predict", one, .refused(404)), (.get, "/v2/models/color", one, .refused(404)),
      (.post, "/v2/repository/models/double/load", one, .refused(403)),
      (.post, "/v2/repository/models/double/unload", one, .refused(403)),
      (.post, "/v2/repository/models/double/unload", all, .small),
      (.post, "/v2/repository/index", one, .small), (.post, "/classify", one, .large),
      (.post, "/classify", none, .refused(401)), (.post, "/classify/text", all, .small),
      (.delete, "/v2/models/double", all, .refused(405)), (.post, "/other", none, .refused(401)),
      (.post, "/other", all, .refused(404)),
    ] as [(HTTPRequest.Method, String, Rights, Outcome)])
  private func theHeadDecides(
    _ method: HTTPRequest.Method, _ path: String, _ rights: Rights, _ expected: Outcome
  ) throws {
    let host = ModelHost(registry: try TinyModel.registry().registry, local: NoEngine())
    let endpoints = ModelEndpoints(host: host, pictures: .inThisProcess, product: "test")
    let routes = RouteGuard(ModelEndpoints.routes, policy: AccessPolicy(allowsModelChanges: true))
    #expect(outcome(request(method, path), rights, routes, endpoints) == expected, "\(path)")
  }

  @Test func framesOfStrangersAreNotRead() {
    let endpoint = FrameEndpoint { _ in true }
    let routes = RouteGuard(FrameEndpoint.routes, policy: AccessPolicy())
    func outcome(_ rights: Rights) -> Outcome {
      self.outcome(request(.post, "/frames"), rights, routes, endpoint)
    }
    #expect(outcome(Self.none) == .refused(401) && outcome(Self.one) == .frame)
    #expect(outcome(Rights(.user(7), scopes: [.poses, .infer])) == .refused(403))
  }

  /// The event loop parses no large body: it serves other connections.
  @Test(arguments: [
    ModelEndpoints.Operation.infer, .predict, .classifyText, .classify,
  ])
  func largeBodiesAreParsedOnThePool(_ operation: ModelEndpoints.Operation) {
    #expect(ModelEndpoints.isLong(operation, bytes: 4 << 20))
    #expect(ModelEndpoints.isLong(operation, bytes: 1000) == (operation == .classify))
  }

  private func request(_ method: HTTPRequest.Method, _ path: String) -> Request {
    Request(
      head: HTTPRequest(method: method, scheme: nil, authority: nil, path: path),
      body: RequestBody(buffer: ByteBuffer()))
  }
}

import Admission
import HTTPServer
import HTTPTypes
import Hummingbird
import Inference
import NIOCore
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

  private static let one = HTTPPeer.Permission.token(manages: false, models: ["double"])
  private static let all = HTTPPeer.Permission.token(manages: true, models: nil)

  @Test(
    arguments: [
      (.post, "/v2/models/double/infer", one, .large), (.post, "/v2/models/color/infer", one, .refused(404)),
      (.post, "/v2/models/color/infer", all, .large),
      (.post, "/v2/models/color/infer", .unauthenticated, .refused(401)),
      (.post, "/v1/models/color:predict", one, .refused(404)), (.get, "/v2/models/color", one, .refused(404)),
      (.post, "/v2/repository/models/double/load", one, .refused(403)),
      (.post, "/v2/repository/models/double/unload", one, .refused(403)),
      (.post, "/v2/repository/models/double/unload", all, .small),
      (.post, "/v2/repository/index", one, .small), (.post, "/classify", one, .large),
      (.post, "/classify", .unauthenticated, .refused(401)), (.post, "/classify/text", all, .small),
      (.delete, "/v2/models/double", all, .refused(405)), (.post, "/other", .unauthenticated, .missing),
    ] as [(HTTPRequest.Method, String, HTTPPeer.Permission, Outcome)])
  private func theHeadDecides(
    _ method: HTTPRequest.Method, _ path: String, _ permission: HTTPPeer.Permission, _ expected: Outcome
  ) throws {
    let host = ModelHost(registry: try TinyModel.registry().registry, local: NoEngine())
    let endpoints = ModelEndpoints(host: host, product: "test")
    let peer = HTTPPeer(principal: .unknown, permission: permission)
    #expect(outcome(endpoints.admission(of: request(method, path), peer: peer)) == expected, "\(path)")
  }

  @Test func framesOfStrangersAreNotRead() {
    let endpoint = FrameEndpoint { _ in true }
    func outcome(_ permission: HTTPPeer.Permission) -> Outcome {
      self.outcome(
        endpoint.admission(
          of: request(.post, "/frames"), peer: HTTPPeer(principal: .unknown, permission: permission)))
    }
    #expect(outcome(.unauthenticated) == .refused(401) && outcome(Self.one) == .frame)
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

public import Hummingbird

/// `/health/live`, `/health/ready` and `/metrics`: the state of the whole program. Health needs no token.
public struct MonitorEndpoints: HTTPHandler {
  private let metricsType: String
  private let metrics: @Sendable () async -> String
  private let problem: @Sendable () -> String?

  public var isQuick: Bool { true }

  /// - Parameters:
  ///   - metricsType: media type of the metrics.
  ///   - problem: returns why the program can't work; nil when it can.
  public init(
    metricsType: String, metrics: @escaping @Sendable () async -> String,
    problem: @escaping @Sendable () -> String?
  ) {
    self.metricsType = metricsType
    self.metrics = metrics
    self.problem = problem
  }

  private static let health = RouteTable<Bool>([
    (HTTPRoute(.get, "/health/live"), false), (HTTPRoute(.get, "/health/ready"), true),
  ])
  private static let numbers = RouteTable<Void>([(HTTPRoute(.get, "/metrics"), ())])
  public static var routes: [HTTPRoute] { health.routes + numbers.routes }

  public func admission(of request: Request, peer: HTTPPeer) -> HTTPAdmission? {
    Self.health.admission(request, Self.anybody(peer)) ?? Self.numbers.admission(request, peer)
  }

  /// The client of a route that needs no token.
  private static func anybody(_ peer: HTTPPeer) -> HTTPPeer {
    var anybody = peer
    anybody.permission = .anybody
    return anybody
  }

  public func answer(_ request: Request, body: [UInt8], peer: HTTPPeer) async -> Response? {
    if let response = await Self.health.answer(
      request, Self.anybody(peer),
      { isReadiness, _ in
        guard isReadiness else { return HTTPReply.text("alive\n") }
        guard let problem = problem() else { return HTTPReply.text("ready\n") }
        return HTTPReply.text(problem + "\n", status: .serviceUnavailable)
      })
    {
      return response
    }
    return await Self.numbers.answer(request, peer) { _, _ in
      HTTPReply(status: .ok, type: metricsType, body: Array(await metrics().utf8))
    }
  }
}

public import Authorisation
public import Hummingbird

/// `/health/live`, `/health/ready` and `/metrics`: the state of the whole program. Health needs no rights.
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

  private enum Operation { case live, ready, metrics }

  private static let table = RouteTable<Operation>([
    (HTTPRoute(.get, "/health/live", .health), .live), (HTTPRoute(.get, "/health/ready", .health), .ready),
    (HTTPRoute(.get, "/metrics", .metrics), .metrics),
  ])
  public static var routes: [HTTPRoute] { table.routes }

  public func admission(of request: Request, by rights: Rights) -> HTTPAdmission? {
    Self.table.admission(request)
  }

  public func answer(_ request: Request, body: [UInt8], by rights: Rights) async -> Response? {
    await Self.table.answer(request) { operation, _ in
      switch operation {
      case .live: HTTPReply.text("alive\n")
      case .ready:
        problem().map { HTTPReply.text($0 + "\n", status: .serviceUnavailable) } ?? HTTPReply.text("ready\n")
      case .metrics: HTTPReply(status: .ok, type: metricsType, body: Array(await metrics().utf8))
      }
    }
  }
}

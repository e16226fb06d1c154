import Authorisation
import HTTPTypes
import Hummingbird
import NIOCore
import Testing

@testable import Dashboard
@testable import HTTPServer
@testable import ModelService

/// The decision on each route for each client.
struct RouteTests {
  // owner, member of a group, other user, token of all scopes, token of infer and metrics, no token, unknown user,
  // other machine
  private static let table = [
    "GET /health/live": "+ + + + + + + +",
    "GET /health/ready": "+ + + + + + + +",
    "GET /metrics": "+ metrics metrics + + token metrics none",
    "GET /openapi.json": "+ + + + + token + none",
    "GET /v2": "+ + + + + token + none",
    "GET /v2/health/live": "+ + + + + token + none",
    "GET /v2/health/ready": "+ + + + + token + none",
    "GET /v2/models/stats": "+ infer infer + + token infer none",
    "GET /v2/models/{model}": "+ infer infer + + token infer none",
    "GET /v2/models/{model}/ready": "+ infer infer + + token infer none",
    "GET /v2/models/{model}/stats": "+ infer infer + + token infer none",
    "GET /v2/models/{model}/config": "+ infer infer + + token infer none",
    "POST /v2/models/{model}/infer": "+ infer infer + + token infer none",
    "GET /v2/models/{model}/versions/{version}": "+ infer infer + + token infer none",
    "GET /v2/models/{model}/versions/{version}/ready": "+ infer infer + + token infer none",
    "GET /v2/models/{model}/versions/{version}/stats": "+ infer infer + + token infer none",
    "GET /v2/models/{model}/versions/{version}/config": "+ infer infer + + token infer none",
    "POST /v2/models/{model}/versions/{version}/infer": "+ infer infer + + token infer none",
    "POST /v2/repository/index": "+ infer infer + + token infer none",
    "POST /v2/repository/models/{model}/load": "off off manage off manage token manage none",
    "POST /v2/repository/models/{model}/unload": "off off manage off manage token manage none",
    "POST /v1/models/{model}:predict": "+ infer infer + + token infer none",
    "POST /v1/models/{model}/versions/{version}:predict": "+ infer infer + + token infer none",
    "GET /v1/models/{model}": "+ infer infer + + token infer none",
    "GET /v1/models/{model}/versions/{version}": "+ infer infer + + token infer none",
    "POST /classify": "+ infer infer + + token infer none",
    "POST /classify/text": "+ infer infer + + token infer none",
    "POST /frames": "+ + camera + camera token camera none",
    "GET /": "+ + + + + + + +",
    "GET /index.html": "+ + + + + + + +",
    "GET /page.css": "+ + + + + + + +",
    "GET /page.js": "+ + + + + + + +",
    "GET /plot.js": "+ + + + + + + +",
    "GET /space.js": "+ + + + + + + +",
    "GET /live": "+ + + + + token + none",
    "GET /live/frame": "+ + camera + camera token camera none",
    "POST /live/recording": "+ + manage + manage token manage none",
    "POST /live/recenter": "+ + manage + manage token manage none",
    "POST /live/role": "+ + manage + manage token manage none",
  ]
  /// Where the configuration permits changes of models.
  private static let withChanges = [
    "POST /v2/repository/models/{model}/load": "+ + manage + manage token manage none",
    "POST /v2/repository/models/{model}/unload": "+ + manage + manage token manage none",
  ]

  private static let handlers: [any HTTPHandler.Type] = [
    MonitorEndpoints.self, ModelEndpoints.self, FrameEndpoint.self, DocumentEndpoint.self,
    DashboardPages.self,
  ]
  private static var routes: [HTTPRoute] { handlers.flatMap { $0.routes } }

  private static func name(_ route: HTTPRoute) -> String { "\(route.method.rawValue) \(route.template)" }

  /// A route without a row fails, and a row without a route.
  @Test func eachRouteHasARow() {
    #expect(Self.routes.map(Self.name).sorted() == Self.table.keys.sorted())
    // Of the routes' actions, only those of the streams of a recording belong to no route: they are in its body.
    let used = Set(Self.routes.map(\.action))
    #expect(Set(Action.Route.allCases).subtracting(used) == [.recordCamera, .recordMicrophone])
  }

  @Test func routesAreDecidedAsTheTableSays() throws {
    for route in Self.routes {
      let decisions = try Client.decisions(on: [.route(route.action)])
      #expect(decisions == Self.table[Self.name(route)], "\(Self.name(route))")
    }
    for route in Self.routes where Self.withChanges[Self.name(route)] != nil {
      let decisions = try Client.decisions(
        on: [.route(route.action)], AccessPolicy(allowsModelChanges: true))
      #expect(decisions == Self.withChanges[Self.name(route)], "\(Self.name(route))")
    }
    #expect(
      try Client.decisions(on: [.route(.recordCamera)]) == "+ + manage + manage token manage none")
    #expect(
      try Client.decisions(on: [.route(.recordMicrophone)]) == "+ + manage + manage token manage none")
  }

  /// The server refuses by the same decision, before a handler gets the request.
  @Test func theGuardOfTheServerAnswersAsTheTableSays() throws {
    let guardian = RouteGuard(Self.routes, policy: AccessPolicy())
    for route in Self.routes {
      let path = route.template.replacing("{model}", with: "a").replacing("{version}", with: "1")
      let request = Request(
        head: HTTPRequest(method: route.method, scheme: nil, authority: nil, path: path),
        body: RequestBody(buffer: ByteBuffer()))
      let row = try #require(Self.table[Self.name(route)]).split(separator: " ")
      for (client, expected) in zip(Client.allCases, row) {
        let status = guardian.refusal(of: request, by: try client.rights()).map { Int($0.status.code) }
        #expect(
          status == (expected == "+" ? nil : expected == "token" ? 401 : 403),
          "\(Self.name(route)) \(client)")
      }
    }
  }

  /// Which addresses exist is not published to a client without a token.
  @Test func unknownAddressesAreNotPublished() throws {
    let guardian = RouteGuard(Self.routes, policy: AccessPolicy())
    func status(_ method: HTTPRequest.Method, _ path: String, _ client: Client) throws -> Int? {
      let request = Request(
        head: HTTPRequest(method: method, scheme: nil, authority: nil, path: path),
        body: RequestBody(buffer: ByteBuffer()))
      return guardian.refusal(of: request, by: try client.rights()).map { Int($0.status.code) }
    }
    #expect(try status(.get, "/none", .noToken) == 401 && status(.get, "/none", .other) == 404)
    #expect(try status(.delete, "/v2", .noToken) == 401 && status(.delete, "/v2", .other) == 405)
    // Another way to write an address of a route needs the same rights.
    for path in ["//metrics", "/metrics/", "/metrics?x=1"] {
      #expect(try status(.get, path, .other) == 403, "\(path)")
      #expect(try status(.head, path, .other) == 403, "\(path)")
    }
  }
}

import Admission
import Authorisation
import HTTPServer
import HTTPTypes
import Hummingbird
import NIOCore
import Sensing
import TestSupport
import Testing

@testable import Dashboard

/// Requests of the page are decided by their head.
struct PageAccessTests {
  private func request(
    _ method: HTTPRequest.Method, _ path: String, type: String? = "application/json"
  ) -> Request {
    var head = HTTPRequest(method: method, scheme: "http", authority: "localhost", path: path)
    head.headerFields[.contentType] = type
    return Request(head: head, body: RequestBody(buffer: ByteBuffer()))
  }

  private func pages() throws -> DashboardPages {
    try DashboardPages(folder: TestPaths.root + "/dashboard", state: FakeBridgeState(), version: "1")
  }

  private static let guest = Rights(.user(7), scopes: [.poses])
  private static let stranger = Rights(.user(8), scopes: [])
  private static let owner = Rights(.user(0), scopes: Set(Scope.allCases))
  private static let token = Rights(.unknown, .token, scopes: HTTPServerOptions.Token.standardScopes)
  private static let none = Rights(.unknown, .noToken, scopes: [])

  /// The status as the server decides it: by the guard of the routes, then by the page.
  private func status(_ pages: DashboardPages, _ request: Request, _ rights: Rights) -> Int {
    let routes = RouteGuard(DashboardPages.routes, policy: AccessPolicy())
    if let refusal = routes.refusal(of: request, by: rights) { return Int(refusal.status.code) }
    switch pages.admission(of: request, by: rights) {
    case nil: return 0
    case .refused(let response): return Int(response.status.code)
    // The bodies of the page's requests are a few values.
    case .body(let limit): return limit <= 64 << 10 ? 200 : 0
    }
  }

  @Test func bodiesAreReadForThoseWhoMayActOnly() throws {
    let pages = try pages()
    for path in ["/live/recording", "/live/recenter", "/live/role"] {
      #expect(status(pages, request(.post, path), Self.guest) == 403)
      #expect(status(pages, request(.post, path), Self.owner) == 200)
      #expect(status(pages, request(.post, path), Self.none) == 401)
      #expect(status(pages, request(.post, path), Self.token) == 403)
      // A form of another site.
      #expect(status(pages, request(.post, path, type: "text/plain"), Self.owner) == 415)
      #expect(status(pages, request(.get, path), Self.owner) == 405)
    }
    #expect(status(pages, request(.get, "/live/frame?camera=a"), Self.guest) == 403)
    #expect(status(pages, request(.get, "/live/frame?camera=a"), Self.owner) == 200)
    #expect(status(pages, request(.get, "/live/other"), Self.owner) == 404)
    #expect(status(pages, request(.get, "/"), Self.guest) == 200)
    #expect(status(pages, request(.get, "/v2"), Self.guest) == 404)
  }

  /// As on the socket; the page's files contain nothing of the bridge.
  @Test func aUserWithoutScopesGetsNothing() throws {
    let pages = try pages()
    for path in ["/live", "/live/frame?camera=a"] {
      #expect(status(pages, request(.get, path), Self.stranger) == 403)
      // A token grants scopes by itself.
      #expect(status(pages, request(.get, path), Self.token) == 200)
    }
    #expect(status(pages, request(.post, "/live/role"), Self.stranger) == 403)
    #expect(status(pages, request(.get, "/"), Self.stranger) == 200)
  }

  /// The streams of a recording are in the body.
  @Test func aRecordingOfACameraNeedsItsScope() async throws {
    let state = FakeBridgeState()
    let pages = try DashboardPages(folder: TestPaths.root + "/dashboard", state: state, version: "1")
    func start(_ stream: String, _ scopes: Set<Scope>) async -> HTTPResponse.Status? {
      await pages.answer(
        request(.post, "/live/recording"), body: Array(#"{"action":"start","\#(stream)":true}"#.utf8),
        by: Rights(.user(7), scopes: scopes))?.status
    }
    #expect(await start("camera", [.manage, .microphone]) == .forbidden)
    #expect(await start("microphone", [.manage, .camera]) == .forbidden)
    #expect(state.actions.isEmpty)
    #expect(await start("camera", [.manage, .camera]) == .ok && state.actions == ["record camera"])
  }

  @Test func streamsOfOneUserLeaveRoomForOthers() async throws {
    let pages = try pages()
    var streams: [Response] = []
    func open(_ user: UInt32) async -> HTTPResponse.Status? {
      let rights = Rights(.user(user), scopes: [.poses])
      let response = await pages.answer(request(.get, "/live"), body: [], by: rights)
      if let response { streams.append(response) }
      return response?.status
    }
    var count = 0
    while count < DashboardPages.maximumStreams, await open(4242) == .ok { count += 1 }
    #expect(count == DashboardPages.maximumStreams * 3 / 4)
    #expect(await open(4243) == .ok)
    streams = []
    #expect(await open(4242) == .ok)
  }
}

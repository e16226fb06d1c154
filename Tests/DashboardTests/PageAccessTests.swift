import Admission
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

  private func pages(_ scopes: Set<Scope>) throws -> DashboardPages {
    try DashboardPages(
      folder: TestPaths.root + "/dashboard", state: FakeBridgeState { $0.scopes = scopes }, version: "1")
  }

  private func status(
    _ pages: DashboardPages, _ request: Request, _ permission: HTTPPeer.Permission = .anybody
  ) -> Int? {
    switch pages.admission(of: request, peer: HTTPPeer(principal: .unknown, permission: permission)) {
    case nil: nil
    case .refused(let response): Int(response.status.code)
    // The bodies of the page's requests are a few values.
    case .body(let limit): limit <= 64 << 10 ? 200 : 0
    }
  }

  @Test func bodiesAreReadForThoseWhoMayActOnly() throws {
    let (guest, owner) = (try pages([.poses]), try pages(Set(Scope.allCases)))
    for path in ["/live/recording", "/live/recenter", "/live/role"] {
      #expect(status(guest, request(.post, path)) == 403)
      #expect(status(owner, request(.post, path)) == 200)
      #expect(status(owner, request(.post, path), .unauthenticated) == 401)
      #expect(status(owner, request(.post, path), .token(manages: false, models: nil)) == 403)
      // A form of another site.
      #expect(status(owner, request(.post, path, type: "text/plain")) == 415)
      #expect(status(owner, request(.get, path)) == 405)
    }
    #expect(status(guest, request(.get, "/live/frame?camera=a")) == 403)
    #expect(status(owner, request(.get, "/live/frame?camera=a")) == 200)
    #expect(status(owner, request(.get, "/live/other")) == 404)
    #expect(status(guest, request(.get, "/")) == 200 && status(guest, request(.get, "/v2")) == nil)
  }

  /// As on the socket; the page's files contain nothing of the bridge.
  @Test func aUserWithoutScopesGetsNothing() throws {
    let stranger = try pages([])
    for path in ["/live", "/live/frame?camera=a"] {
      #expect(status(stranger, request(.get, path)) == 403)
      // A token grants scopes by itself.
      #expect(status(stranger, request(.get, path), .token(manages: false, models: nil)) == 200)
    }
    #expect(status(stranger, request(.post, "/live/role")) == 403)
    #expect(status(stranger, request(.get, "/")) == 200)
  }

  /// A request that the head refuses is refused by the answer, too.
  @Test func answersFollowTheSameDecision() async throws {
    let state = FakeBridgeState { $0.scopes = [.poses] }
    let pages = try DashboardPages(folder: TestPaths.root + "/dashboard", state: state, version: "1")
    let peer = HTTPPeer(principal: .unknown, permission: .anybody)
    let response = await pages.answer(
      request(.post, "/live/recording"), body: Array(#"{"action":"start"}"#.utf8), peer: peer)
    #expect(response?.status == .forbidden && state.actions.isEmpty)
  }

  @Test func streamsOfOneUserLeaveRoomForOthers() async throws {
    let pages = try pages([.poses])
    var streams: [Response] = []
    func open(_ user: UInt32) async -> HTTPResponse.Status? {
      let peer = HTTPPeer(principal: .user(user), permission: .anybody)
      let response = await pages.answer(request(.get, "/live"), body: [], peer: peer)
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

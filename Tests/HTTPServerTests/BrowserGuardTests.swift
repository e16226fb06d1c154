import Testing

@testable import HTTPServer

struct BrowserGuardTests {
  private func options(tokens: Bool = false) -> HTTPServerOptions {
    var options = HTTPServerOptions(address: .network(host: "127.0.0.1", port: 8000))
    if tokens { options.tokens = [HTTPServerOptions.Token(secret: "0123456789abcdef")] }
    return options
  }

  @Test(
    arguments: [
      ("localhost:8000", nil, true), ("127.0.0.1:8000", nil, true), ("[::1]:8000", nil, true),
      ("localhost", nil, true), ("LOCALHOST:8000", nil, true), ("127.8.8.8", nil, true),
      ("page.localhost:8000", "http://page.localhost:8000", true),
      ("localhost:8000", "http://localhost:8000", true),
      // A foreign name that resolves to this machine.
      ("evil.example:8000", nil, false), ("evil.example", "http://evil.example", false),
      ("127.0.0.1.evil.example", nil, false), ("127.evil", nil, false), (nil, nil, false),
      // A page of another site, or of another port.
      ("localhost:8000", "http://evil.example", false), ("localhost:8000", "http://localhost:9000", false),
      ("localhost:8000", "null", false), ("[::1].evil", nil, false),
    ] as [(String?, String?, Bool)])
  func requestsOfOtherSitesAreRefused(_ host: String?, _ origin: String?, _ isAllowed: Bool) {
    let refusal = BrowserGuard(options()).refusal(host: host, origin: origin, isUnix: false)
    #expect((refusal == nil) == isAllowed, "\(host ?? "-") \(origin ?? "-"): \(refusal ?? "allowed")")
  }

  @Test func withTokensAnyHostNameIsAdmittedButNoOtherSite() {
    let browsers = BrowserGuard(options(tokens: true))
    #expect(browsers.refusal(host: "vr.example:8000", origin: nil, isUnix: false) == nil)
    #expect(browsers.refusal(host: "vr.example", origin: "https://vr.example", isUnix: false) == nil)
    #expect(browsers.refusal(host: "vr.example", origin: "https://other.example", isUnix: false) != nil)
    #expect(BrowserGuard(options()).refusal(host: nil, origin: nil, isUnix: true) == nil)
  }
}

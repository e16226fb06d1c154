import Testing

@testable import HTTPServer

struct OriginPatternTests {
  @Test(
    arguments: [
      ("https://app.foxglove.dev", "https://app.foxglove.dev", true),
      ("https://app.foxglove.dev", "https://APP.foxglove.dev:443", true),
      ("https://app.foxglove.dev", "http://app.foxglove.dev", false),
      ("https://app.foxglove.dev", "https://app.foxglove.dev.evil.example", false),
      ("http://localhost:*", "http://localhost:8080", true), ("http://localhost:*", "http://localhost", true),
      ("http://localhost:*", "https://localhost:8080", false),
      ("http://localhost:*", "http://localhost.evil.example:8080", false),
      ("http://localhost:*", "http://localhost:8080@evil.example", false),
      ("http://localhost:*", "http://localhost:*", false),
      ("http://localhost:8080", "http://localhost", false),
      ("http://[::1]:*", "http://[::1]:5173", true), ("file://", "file://", true),
      ("file://", "file:///home/a/page.html", true), ("file://", "null", false), ("null", "null", true),
      ("null", "file://", false), ("app://-", "app://-", true),
    ])
  func originsMatch(_ pattern: String, _ origin: String, _ isMatch: Bool) throws {
    let pattern = try #require(OriginPattern(pattern))
    #expect(pattern.matches(origin) == isMatch)
  }

  @Test(
    arguments: [
      "", "*", "localhost", "localhost:8080", "http://", "http://*", "http://*.example.org",
      "http://localhost:8080/", "http://localhost/page", "http://localhost:80a", "http://a b",
    ])
  func otherTextIsNoPattern(_ text: String) { #expect(OriginPattern(text) == nil) }
}

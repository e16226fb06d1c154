import Authorisation
import HTTPTypes
import Testing

@testable import HTTPServer

struct RouteTableTests {
  private let table = RouteTable<String>([
    (HTTPRoute(.get, "/v2/models/stats", .models), "statistics"),
    (HTTPRoute(.get, "/v2/models/{model}", .models), "metadata"),
    (HTTPRoute(.post, "/v2/models/{model}/infer", .models), "infer"),
    (HTTPRoute(.post, "/v1/models/{model}:predict", .models), "predict"),
    (HTTPRoute(.get, "/v1/models/{model}", .models), "status"),
  ])

  private func text(_ method: HTTPRequest.Method, _ path: String) -> String {
    switch table.match(method, path) {
    case .operation(let operation, let parameters): ([operation] + parameters).joined(separator: " ")
    case .wrongMethod(let allowed): allowed.rawValue
    case .none: "none"
    }
  }

  @Test(
    arguments: [
      (.get, "/v2/models/stats", "statistics"), (.get, "/v2/models/double", "metadata double"),
      (.head, "/v2/models/double", "metadata double"), (.get, "/v2/models/a%20b%2Fc", "metadata a b/c"),
      (.get, "/v2/models/50%", "metadata 50%"), (.post, "/v2/models/double/infer", "infer double"),
      (.get, "/v2/models/double/infer", "POST"), (.delete, "/v2/models/double", "GET"),
      (.post, "/v1/models/double:predict", "predict double"), (.get, "/v1/models/double", "status double"),
      (.post, "/v1/models/:predict", "GET"), (.get, "/v2/models", "none"), (.get, "/", "none"),
      (.get, "/v2/models/double/infer/more", "none"),
    ] as [(HTTPRequest.Method, String, String)])
  func theFirstRouteThatFitsIsTaken(_ method: HTTPRequest.Method, _ path: String, _ expected: String) {
    #expect(text(method, path) == expected)
  }
}

public import Authorisation
import Foundation
public import HTTPTypes
public import Hummingbird

/// A method and a path template, as OpenAPI writes it: `/v2/models/{model}/infer`.
///
/// A segment is literal text, or a parameter in braces, or a parameter with literal text behind it (`{model}:predict`).
public struct HTTPRoute: Sendable, Hashable {
  public var method: HTTPRequest.Method
  public var template: String
  /// What a client does by a request; decides on the rights that it needs.
  public var action: Action.Route

  public init(_ method: HTTPRequest.Method, _ template: String, _ action: Action.Route) {
    self.method = method
    self.template = template
    self.action = action
  }
}

/// Routes with the operation of each. Of several routes that fit a path the first is taken.
public struct RouteTable<Operation: Sendable>: Sendable {
  public enum Match {
    /// - Parameter parameters: values of the template's parameters, in its order, percent-decoded.
    case operation(Operation, parameters: [String])
    /// The path is served with other methods.
    case wrongMethod(allowed: HTTPRequest.Method)
    case none
  }

  private enum Segment: Sendable {
    case literal(String)
    case parameter(suffix: String)
  }
  private struct Row: Sendable {
    var method: HTTPRequest.Method
    var segments: [Segment]
    var operation: Operation
  }

  public let routes: [HTTPRoute]
  private let rows: [Row]

  public init(_ list: [(route: HTTPRoute, operation: Operation)]) {
    routes = list.map(\.route)
    rows = list.map { route, operation in
      let segments = route.template.split(separator: "/").map { text -> Segment in
        guard text.hasPrefix("{"), let end = text.firstIndex(of: "}") else { return .literal(String(text)) }
        return .parameter(suffix: String(text[text.index(after: end)...]))
      }
      return Row(method: route.method, segments: segments, operation: operation)
    }
  }

  /// Finds the route of a request. A route for GET serves HEAD too.
  public func match(_ method: HTTPRequest.Method, _ path: String) -> Match {
    let given = path.split(separator: "/")
    var allowed: HTTPRequest.Method?
    for row in rows where row.segments.count == given.count {
      guard let parameters = Self.parameters(row.segments, given) else { continue }
      if row.method == method || (row.method == .get && method == .head) {
        return .operation(row.operation, parameters: parameters)
      }
      allowed = allowed ?? row.method
    }
    return allowed.map { .wrongMethod(allowed: $0) } ?? .none
  }

  /// Decides on a request that the guard permits: 405 for another method.
  ///
  /// - Parameter decide: decides by the operation of the route.
  /// - Returns: nil for a path that no route has.
  public func admission(
    _ request: Request, _ decide: (Operation, [String]) -> HTTPAdmission = { _, _ in .small }
  ) -> HTTPAdmission? {
    switch match(request.method, request.uri.path) {
    case .none: nil
    case .wrongMethod(let allowed): .refused(HTTPReply.methodNotAllowed(allowed: allowed).response)
    case .operation(let operation, let parameters): decide(operation, parameters)
    }
  }

  /// Answers a request by the operation of its route: 405 for another method.
  ///
  /// - Returns: nil for a path that no route has.
  public func answer(
    _ request: Request, _ perform: (Operation, [String]) async -> HTTPReply
  ) async -> Response? {
    switch match(request.method, request.uri.path) {
    case .none: nil
    case .wrongMethod(let allowed): HTTPReply.methodNotAllowed(allowed: allowed).response
    case .operation(let operation, let parameters): await perform(operation, parameters).response
    }
  }

  private static func parameters(_ segments: [Segment], _ given: [Substring]) -> [String]? {
    var values: [String] = []
    for (segment, text) in zip(segments, given) {
      switch segment {
      case .literal(let literal): guard text == literal else { return nil }
      case .parameter(let suffix):
        guard text.hasSuffix(suffix), text.utf8.count > suffix.utf8.count else { return nil }
        values.append(decoded(text.dropLast(suffix.count)))
      }
    }
    return values
  }

  private static func decoded(_ text: Substring) -> String {
    guard text.utf8.contains(UInt8(ascii: "%")) else { return String(text) }
    return text.removingPercentEncoding ?? String(text)
  }
}

import Foundation

/// Operations of the OpenAPI document.
public enum OpenAPIRoutes {
  private struct Document: Decodable {
    struct Operation: Decodable {
      var tags: [String]
    }
    var paths: [String: [String: Operation]]
  }

  /// Returns the operations as "GET /path", in order.
  ///
  /// - Parameter isPage: whether those of the page of a running bridge are returned, or all others.
  public static func all(isPage: Bool) throws -> [String] {
    let data = try Data(contentsOf: URL(fileURLWithPath: TestPaths.openAPIDocument))
    let document = try JSONDecoder().decode(Document.self, from: data)
    return document.paths.flatMap { path, operations in
      operations.filter { $0.value.tags.contains("page") == isPage }.map { "\($0.key.uppercased()) \(path)" }
    }.sorted()
  }
}

public import Authorisation
import Foundation
public import Hummingbird

/// `/openapi.json`: the OpenAPI document of all handlers, as it stands in the installed file.
public struct DocumentEndpoint: HTTPHandler {
  private static let table = RouteTable<Void>([(HTTPRoute(.get, "/openapi.json", .document), ())])
  public static var routes: [HTTPRoute] { table.routes }

  private let bytes: [UInt8]

  public var isQuick: Bool { true }

  /// Reads the document.
  ///
  /// - Throws: `HTTPServerError` when the file can't be read.
  public init(file: String) throws(HTTPServerError) {
    guard let data = try? Data(contentsOf: URL(fileURLWithPath: file)) else {
      throw HTTPServerError(.file, "\(file) can't be read; install vrbridge again, with all of its files")
    }
    bytes = [UInt8](data)
  }

  public func admission(of request: Request, by rights: Rights) -> HTTPAdmission? {
    Self.table.admission(request)
  }

  public func answer(_ request: Request, body: [UInt8], by rights: Rights) async -> Response? {
    await Self.table.answer(request) { _, _ in HTTPReply(status: .ok, body: bytes) }
  }
}

public import Authorisation
public import Diagnostics
import Foundation
public import HTTPTypes
public import Hummingbird
import NIOCore

/// An answer whose body is at hand.
public struct HTTPReply: Sendable {
  public var status: HTTPResponse.Status
  public var type: String
  public var body: [UInt8]
  public var headers: [(HTTPField.Name, String)]

  public init(
    status: HTTPResponse.Status, type: String = "application/json", body: [UInt8] = [],
    headers: [(HTTPField.Name, String)] = []
  ) {
    self.status = status
    self.type = type
    self.body = body
    self.headers = headers
  }

  /// Encodes a value as JSON; property names become snake_case keys.
  public static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) -> HTTPReply {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do { return HTTPReply(status: status, body: [UInt8](try encoder.encode(value))) } catch {
      // Only a number that JSON can't hold (NaN, infinity) gets here.
      return .error(
        .internalServerError,
        HTTPRequestError(.answerNotFinite, "the answer holds a number that is not finite (NaN or infinity)"))
    }
  }

  public static func text(_ text: String, status: HTTPResponse.Status = .ok) -> HTTPReply {
    HTTPReply(status: status, type: "text/plain", body: Array(text.utf8))
  }

  private struct ErrorBody: Encodable {
    var error: String
    var code: String
  }

  /// An error: its text under the key that clients of the Open Inference Protocol read, and its stable code.
  public static func error(_ status: HTTPResponse.Status, _ error: any CodedError) -> HTTPReply {
    json(ErrorBody(error: error.description, code: error.code), status: status)
  }

  /// The answer to a client that may not do what it requests: 401 where a token is missing, else 403.
  public static func refused(_ error: AuthorisationError) -> HTTPReply {
    guard error.cause == .noToken else { return .error(.forbidden, error) }
    var reply = HTTPReply.error(.unauthorized, error)
    reply.headers = [(.wwwAuthenticate, "Bearer")]
    return reply
  }

  /// The answer to a client that can't be served now.
  public static func unavailable(_ error: any CodedError) -> HTTPReply { .error(.serviceUnavailable, error) }

  public static func notFound(_ path: String) -> HTTPReply {
    .error(.notFound, HTTPRequestError(.notFound, "nothing is served at \(path)"))
  }

  public static func methodNotAllowed(allowed: HTTPRequest.Method) -> HTTPReply {
    var reply = HTTPReply.error(
      .methodNotAllowed, HTTPRequestError(.methodNotAllowed, "this address takes \(allowed.rawValue)"))
    reply.headers = [(.allow, allowed.rawValue)]
    return reply
  }

  /// The reply as bytes, for a connection that is closed after it.
  public var bytes: [UInt8] {
    var head = "HTTP/1.1 \(status.code) \(status.reasonPhrase)\r\nContent-Type: \(type)\r\n"
    for (name, value) in headers { head += "\(name.canonicalName): \(value)\r\n" }
    head += "Content-Length: \(body.count)\r\nConnection: close\r\n\r\n"
    return Array(head.utf8) + body
  }

  public var response: Response {
    var fields = HTTPFields()
    fields[.contentType] = type
    for (name, value) in headers { fields[name] = value }
    return Response(status: status, headers: fields, body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
  }
}

import Admission
import Glibc
import Hummingbird

/// Reads the bodies of requests, with bounds for each and for all together.
struct BodyReader: Sendable {
  /// Of one body, by the configuration.
  let maximum: Int
  private let budget: ByteBudget

  /// Bodies up to this size are counted by the number of connections alone.
  private static let small = 64 << 10

  init(maximum: Int) {
    self.maximum = maximum
    budget = ByteBudget(
      total: 4 * maximum, perPrincipal: 2 * maximum, reserved: maximum, owners: [0, geteuid()])
  }

  /// A body, and its share of the memory of all bodies.
  struct Body {
    var bytes: [UInt8]
    let share: ByteBudget.Share
  }

  /// Reads a body whole. Memory is taken as bytes arrive: a length that is announced costs its sender nothing.
  ///
  /// - Parameter limit: bytes of this route's bodies.
  func read(
    _ request: Request, limit: Int, of principal: Principal
  ) async throws(HTTPRequestError) -> Body {
    let limit = min(limit, maximum)
    let announced = request.announcedBody
    if let announced, announced > limit { throw Self.tooLarge(limit) }
    let largest = announced ?? limit
    var body = Body(bytes: [], share: budget.share(of: principal))
    var counted = 0
    do {
      for try await part in request.body {
        let count = body.bytes.count + part.readableBytes
        guard count <= limit else { throw Self.tooLarge(limit) }
        if count > counted {
          // Twice as much each time, so that few parts make the array grow.
          let more = min(limit, max(count, min(largest, max(Self.small, 2 * counted))))
          try take(more, body, after: counted)
          body.bytes.reserveCapacity(more)
          counted = more
        }
        body.bytes += part.readableBytesView
      }
    } catch let error as HTTPRequestError {
      throw error
    } catch {
      throw HTTPRequestError(.bodyIncomplete, "the body of the request ended early: \(error)")
    }
    return body
  }

  /// Takes memory for a body that grows to a size.
  private func take(_ size: Int, _ body: Body, after counted: Int = 0) throws(HTTPRequestError) {
    guard size > Self.small else { return }
    let more = size - (counted > Self.small ? counted : 0)
    guard body.share.take(more) else {
      throw HTTPRequestError(
        .bodiesInUse, "other requests use the memory for bodies; send the request again later")
    }
  }

  private static func tooLarge(_ limit: Int) -> HTTPRequestError {
    HTTPRequestError(
      .bodyTooLarge,
      "the body of this request may have \(limit) bytes; send less, or raise 'http: max_body_mb' where that is the limit"
    )
  }
}

extension Request {
  /// Bytes of the body by `Content-Length`; nil for a body whose length is not announced.
  var announcedBody: Int? {
    if headers[.transferEncoding] != nil { return nil }
    guard let text = headers[.contentLength] else { return 0 }
    // The decoder rejects other text; nothing is trusted here anyway.
    return Int(text).map { max(0, $0) }
  }
}

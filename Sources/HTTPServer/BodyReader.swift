import Admission
import Compression
import Diagnostics
import Glibc
import Hummingbird

/// Reads the bodies of requests, with bounds for each and for all together.
struct BodyReader: Sendable {
  /// Of one body, by the configuration.
  let maximum: Int
  private let budget: ByteBudget

  /// Bodies up to this size are counted by the number of connections alone.
  private static let small = 64 << 10
  /// Compressed bodies up to this size inflate to 4 MiB at most.
  private static let quick = 4 << 10

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

  /// Reads a body whole, and decodes it. Memory is taken as bytes arrive or are inflated: a length that is announced, or
  /// that a compressed body claims, costs its sender nothing.
  ///
  /// - Parameter limit: bytes of this route's bodies, before and after they are inflated.
  func read(
    _ request: Request, limit: Int, of principal: Principal
  ) async throws(HTTPRequestError) -> Body {
    let limit = min(limit, maximum)
    let announced = request.announcedBody
    if announced == 0 { return Body(bytes: [], share: budget.share(of: principal)) }
    let coding = try ContentCoding(request)
    if let announced, announced > limit { throw Self.tooLarge(limit) }
    let body = try await collect(request, largest: announced ?? limit, limit, principal)
    guard let format = coding.format, !body.bytes.isEmpty else { return body }
    // Other connections of this event loop do not wait while much is inflated.
    if body.bytes.count <= Self.quick {
      return try inflate(body, format, limit, principal)
    }
    let result = await withTaskExecutorPreference(globalConcurrentExecutor) {
      () async -> Result<Body, HTTPRequestError> in
      do throws(HTTPRequestError) { return .success(try inflate(body, format, limit, principal)) } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  private func collect(
    _ request: Request, largest: Int, _ limit: Int, _ principal: Principal
  ) async throws(HTTPRequestError) -> Body {
    var body = Body(bytes: [], share: budget.share(of: principal))
    var counted = 0
    do {
      for try await part in request.body {
        let count = body.bytes.count + part.readableBytes
        guard count <= limit else { throw Self.tooLarge(limit) }
        if count > counted {
          let more = Self.grown(count, counted, limit: min(limit, max(count, largest)))
          try take(more, body, after: counted)
          body.bytes.reserveCapacity(more)
          counted = more
        }
        body.bytes += part.readableBytesView
      }
    } catch let error as HTTPRequestError {
      throw error
    } catch {
      throw HTTPRequestError(.bodyIncomplete, "the body of the request ended early: \(error.reason)")
    }
    return body
  }

  /// Returns a body inflated. Until then both forms count against the memory of all bodies.
  private func inflate(
    _ compressed: Body, _ format: BodyInflater.Format, _ limit: Int, _ principal: Principal
  ) throws(HTTPRequestError) -> Body {
    let body = Body(bytes: [], share: budget.share(of: principal))
    var counted = 0
    let result = try BodyInflater.inflate(compressed.bytes, format, limit: limit) {
      (count) throws(HTTPRequestError) in
      guard count > counted else { return }
      let more = Self.grown(count, counted, limit: limit)
      try take(more, body, after: counted)
      counted = more
    }
    switch result {
    case .success(let bytes): return Body(bytes: bytes, share: body.share)
    case .failure(let error) where error.isTooLarge: throw Self.tooLarge(limit)
    case .failure(let error):
      throw HTTPRequestError(
        .encodingInvalid, "the body can't be decoded as its 'Content-Encoding' says: \(error.description)")
    }
  }

  /// Twice as much each time, so that few parts make an array grow.
  private static func grown(_ count: Int, _ counted: Int, limit: Int) -> Int {
    min(limit, max(count, max(small, 2 * counted)))
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

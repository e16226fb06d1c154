import Foundation
public import HTTPServer
import HTTPTypes
public import Hummingbird

/// `POST /frames`: takes frames of programs with a camera of their own.
public struct FrameEndpoint: HTTPHandler {
  private let submit: @Sendable (SubmittedFrame) -> Bool

  private static let table = RouteTable<Void>([(HTTPRoute(.post, "/frames"), ())])
  public static var routes: [HTTPRoute] { table.routes }

  public var isQuick: Bool { true }

  /// Bytes of a JPEG; one of 4K has about four million.
  private static let maximumFrame = 16 << 20

  /// - Parameter submit: takes a frame; returns false when it can't take another camera.
  public init(submit: @escaping @Sendable (SubmittedFrame) -> Bool) { self.submit = submit }

  public func admission(of request: Request, peer: HTTPPeer) -> HTTPAdmission? {
    Self.table.admission(request, peer) { _, _ in .body(limit: Self.maximumFrame) }
  }

  public func answer(_ request: Request, body: [UInt8], peer: HTTPPeer) async -> Response? {
    await Self.table.answer(request, peer) { _, _ in reply(request, body) }
  }

  private func reply(_ request: Request, _ body: [UInt8]) -> HTTPReply {
    func invalid(_ message: String) -> HTTPReply {
      .error(.badRequest, FrameError(.invalid, message))
    }
    let query = request.uri.queryParameters
    func numbers(_ key: String, _ count: Int) -> [Double]? {
      guard let text = query[Substring(key)] else { return nil }
      let list = text.split(separator: ",").compactMap { Double($0) }
      return list.count == count && list.allSatisfy(\.isFinite) ? list : []
    }
    let (pose, intrinsics) = (numbers("pose", 7), numbers("intrinsics", 4))
    guard pose?.isEmpty != true, intrinsics?.isEmpty != true else {
      return invalid("pose takes seven numbers (x,y,z,qx,qy,qz,qw) and intrinsics four (fx,fy,cx,cy)")
    }
    guard body.starts(with: [0xff, 0xd8]) else {
      return invalid("the body is no JPEG; send one frame as JPEG")
    }
    let captured = query["captured_ns"].map { Int64($0) }
    if let captured, captured == nil {
      return invalid("captured_ns is a whole number: nanoseconds of CLOCK_MONOTONIC")
    }
    let isTaken = submit(
      SubmittedFrame(
        bytes: body, camera: String((query["camera"].map(String.init) ?? "client").prefix(64)),
        captured: captured ?? nil, pose: pose, intrinsics: intrinsics))
    return isTaken
      ? HTTPReply(status: .accepted)
      : .error(
        .serviceUnavailable,
        FrameError(.camerasFull, "clients have named too many cameras already; use a name that is in use"))
  }
}

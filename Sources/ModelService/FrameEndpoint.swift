public import HTTPServer
import HTTPTypes
public import Hummingbird
import Imaging

/// `POST /frames`: takes frames of programs with a camera of their own.
public struct FrameEndpoint: HTTPHandler {
  private let submit: @Sendable (SubmittedFrame) -> Bool

  private static let table = RouteTable<Void>([(HTTPRoute(.post, "/frames"), ())])
  public static var routes: [HTTPRoute] { table.routes }

  public var isQuick: Bool { true }

  /// Bytes of a JPEG, at most; one of 4K has about four million. Uncompressed frames have the size of their layout.
  private static let maximumJPEG = 16 << 20

  /// - Parameter submit: takes a frame; returns false when it can't take another camera.
  public init(submit: @escaping @Sendable (SubmittedFrame) -> Bool) { self.submit = submit }

  public func admission(of request: Request, peer: HTTPPeer) -> HTTPAdmission? {
    Self.table.admission(request, peer) { _, _ in
      do throws(FrameError) {
        let layout = try SubmittedFrame.layout(parameter: Self.parameter(of: request))
        return .body(limit: layout?.size ?? Self.maximumJPEG)
      } catch {
        // Before the body is read: its length depends on the parameters.
        return .refused(HTTPReply.error(.badRequest, error).response)
      }
    }
  }

  public func answer(_ request: Request, body: [UInt8], peer: HTTPPeer) async -> Response? {
    await Self.table.answer(request, peer) { _, _ in reply(request, body) }
  }

  private static func parameter(of request: Request) -> (String) -> String? {
    let query = request.uri.queryParameters
    return { query[Substring($0)].map(String.init) }
  }

  private func reply(_ request: Request, _ body: [UInt8]) -> HTTPReply {
    do throws(FrameError) {
      guard submit(try SubmittedFrame(body, parameter: Self.parameter(of: request))) else {
        throw FrameError(
          .camerasFull, "clients have named too many cameras already; use a name that is in use")
      }
      return HTTPReply(status: .accepted)
    } catch {
      return .error(error.cause == .camerasFull ? .serviceUnavailable : .badRequest, error)
    }
  }
}

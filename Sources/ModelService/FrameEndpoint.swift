public import Authorisation
public import HTTPServer
import HTTPTypes
public import Hummingbird
import Imaging

/// `POST /frames`: takes frames of programs with a camera of their own.
public struct FrameEndpoint: HTTPHandler {
  private let submit: @Sendable (SubmittedFrame) -> Bool

  private static let table = RouteTable<Void>([(HTTPRoute(.post, "/frames", .frame), ())])
  public static var routes: [HTTPRoute] { table.routes }

  public var isQuick: Bool { true }

  /// Bytes of a JPEG, at most; one of 4K has about four million. Uncompressed frames have the size of their layout.
  private static let maximumJPEG = 16 << 20

  /// - Parameter submit: takes a frame; returns false when it can't take another camera.
  public init(submit: @escaping @Sendable (SubmittedFrame) -> Bool) { self.submit = submit }

  public func admission(of request: Request, by rights: Rights) -> HTTPAdmission? {
    Self.table.admission(request) { _, _ in
      do throws(FrameError) {
        let layout = try SubmittedFrame.layout(parameter: Self.parameter(of: request))
        return .body(limit: layout?.size ?? Self.maximumJPEG)
      } catch {
        // Before the body is read: its length depends on the parameters.
        return .refused(HTTPReply.error(.badRequest, error).response)
      }
    }
  }

  public func answer(_ request: Request, body: [UInt8], by rights: Rights) async -> Response? {
    await Self.table.answer(request) { _, _ in reply(request, body, rights) }
  }

  private static func parameter(of request: Request) -> (String) -> String? {
    let query = request.uri.queryParameters
    return { query[Substring($0)].map(String.init) }
  }

  private func reply(_ request: Request, _ body: [UInt8], _ rights: Rights) -> HTTPReply {
    do throws(FrameError) {
      let frame = try SubmittedFrame(body, of: rights.principal, parameter: Self.parameter(of: request))
      guard submit(frame) else {
        throw FrameError(
          .camerasFull,
          "too many cameras of clients are in use; use a name that is in use, or wait until one is idle for a minute"
        )
      }
      return HTTPReply(status: .accepted)
    } catch {
      return .error(error.cause == .camerasFull ? .serviceUnavailable : .badRequest, error)
    }
  }
}

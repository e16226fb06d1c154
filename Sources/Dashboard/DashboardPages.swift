import Admission
import Cameras
import Diagnostics
import Foundation
import Glibc
public import HTTPServer
import HTTPTypes
public import Hummingbird
public import LiveState
import NIOCore
import Sensing
import Spatial
public import ServiceLifecycle
import Synchronization

/// Serves the page of the running bridge, the stream and the frames that it reads, and the actions of its buttons: `/`,
/// `/live`, `/live/frame`, `/live/recording`, `/live/recenter`, `/live/role`.
public final class DashboardPages: HTTPHandler, Service {
  private let files: PageFiles
  private let state: any BridgeState
  private let version: String
  private let cameras = LatestFrameCache()
  private let streams = AdmissionControl(
    AdmissionControl.Limits(total: DashboardPages.maximumStreams), owners: [0, geteuid()],
    remedy: "close a page")
  private let isStopping = Atomic(false)

  public static var routes: [HTTPRoute] {
    PageFiles.paths.map { HTTPRoute(.get, $0) } + [
      HTTPRoute(.get, "/live"), HTTPRoute(.get, "/live/frame"), HTTPRoute(.post, "/live/recording"),
      HTTPRoute(.post, "/live/recenter"), HTTPRoute(.post, "/live/role"),
    ]
  }

  /// Streams at a time: one for each open page.
  static let maximumStreams = 32

  /// - Parameters:
  ///   - folder: the folder of the page's files.
  ///   - version: the product's, for the page.
  /// - Throws: when a file of the page is missing.
  public init(folder: String, state: any BridgeState, version: String) throws {
    files = try PageFiles(folder: folder)
    self.state = state
    self.version = version
  }

  public func run() async throws {
    await cancelWhenGracefulShutdown { [self] in await cameras.run(state) }
    isStopping.store(true, ordering: .relaxed)
  }

  public func admission(of request: Request, peer: HTTPPeer) -> HTTPAdmission? {
    switch decide(request, peer) {
    case nil: nil
    case .refused(let response): .refused(response)
    case .permitted: .small
    }
  }

  public func answer(_ request: Request, body: [UInt8], peer: HTTPPeer) async -> Response? {
    switch decide(request, peer) {
    case nil: nil
    case .refused(let response): response
    case .permitted(.file(let file), _): Self.response(.ok, file.type, file.bytes)
    case .permitted(.live, let scopes): live(scopes, of: peer.principal)
    case .permitted(.frame, _): await frame(request)
    case .permitted(.record, let scopes): act { [self] in try record(body, scopes) }
    case .permitted(.recenter, _):
      act { [state] in
        state.recenter()
        return "{}"
      }
    case .permitted(.assign, _): act { [self] in try assign(body) }
    }
  }

  private enum Action {
    case file(PageFiles.File), live, frame, record, recenter, assign
  }
  private enum Decision {
    case permitted(Action, Set<Scope>)
    case refused(Response)
  }

  /// Decides on a request by its head.
  ///
  /// - Returns: nil for an address that is not the page's.
  private func decide(_ request: Request, _ peer: HTTPPeer) -> Decision? {
    let path = request.uri.path
    if request.method == .get || request.method == .head, let file = files[path] {
      return .permitted(.file(file), [])
    }
    guard path == "/live" || path.hasPrefix("/live/") else { return nil }
    guard let scopes = peer.scopes(state.scopes(ofUser:)) else {
      var response = Self.error(
        .unauthorized, "http-unauthorized", "this bridge requires a token: Authorization: Bearer …")
      response.headers[.wwwAuthenticate] = "Bearer"
      return .refused(response)
    }
    guard !scopes.isEmpty else {
      return .refused(
        Self.error(
          .forbidden, "scope-missing",
          "this user has no scope; grant one with 'access' in the configuration"))
    }
    switch (request.method, path) {
    case (.get, "/live"): return .permitted(.live, scopes)
    case (.get, "/live/frame"):
      guard scopes.contains(.camera) else {
        return .refused(
          Self.error(
            .forbidden, "scope-missing",
            "images need the scope 'camera'; grant it with 'access' in the configuration"))
      }
      return .permitted(.frame, scopes)
    case (.post, "/live/recording"): return change(.record, request, scopes)
    case (.post, "/live/recenter"): return change(.recenter, request, scopes)
    case (.post, "/live/role"): return change(.assign, request, scopes)
    case (_, "/live"), (_, "/live/frame"), (_, "/live/recording"), (_, "/live/recenter"), (_, "/live/role"):
      return .refused(
        Self.error(
          .methodNotAllowed, "http-method-not-allowed", "\(path) does not support \(request.method.rawValue)"
        ))
    default:
      return .refused(Self.error(.notFound, "http-not-found", "nothing is served at \(path)"))
    }
  }

  /// Decides on an action that changes the state of the bridge.
  private func change(_ action: Action, _ request: Request, _ scopes: Set<Scope>) -> Decision {
    guard scopes.contains(.manage) else {
      return .refused(
        Self.error(
          .forbidden, "scope-missing",
          "\(request.uri.path) needs the scope 'manage'; grant it with 'access' in the configuration"))
    }
    // A form of another site can't send this type without a preflight request.
    guard request.headers[.contentType]?.hasPrefix("application/json") == true else {
      return .refused(
        Self.error(
          .unsupportedMediaType, "http-content-type-invalid", "the content type must be application/json"))
    }
    return .permitted(action, scopes)
  }

  private func live(_ scopes: Set<Scope>, of principal: Principal) -> Response {
    let ticket: AdmissionControl.Ticket
    do throws(AdmissionError) { ticket = try streams.admit(principal) } catch {
      return Self.error(.serviceUnavailable, "page-limit-reached", error.description)
    }
    let stream = LiveStream(
      state: state, scopes: scopes, version: version, cameras: cameras,
      isStopping: { [self] in isStopping.load(ordering: .relaxed) },
      onEnd: { ticket.release() })
    let lines = AsyncStream<ByteBuffer>(unfolding: { await stream.next() })
    let body = ResponseBody(asyncSequence: lines)
    var response = Response(status: .ok, headers: Self.headers("application/x-ndjson"), body: body)
    response.headers[.cacheControl] = "no-store"
    return response
  }

  private func frame(_ request: Request) async -> Response {
    let parameters = request.uri.queryParameters
    guard let camera = parameters["camera"].map(String.init) else {
      return Self.error(
        .badRequest, "page-request-invalid",
        "the request names no camera; request /live/frame?camera=NAME&after=NANOSECONDS")
    }
    let after = parameters["after"].flatMap { Int64($0) } ?? 0
    guard let frame = await cameras.frame(of: camera, after: after) else {
      return Response(status: .noContent)
    }
    do {
      let bytes = [UInt8](try frame.jpeg(quality: 80))
      var response = Self.response(.ok, "image/jpeg", bytes)
      response.headers[.cacheControl] = "no-store"
      for (name, value) in fields(of: frame) { response.headers[name] = value }
      return response
    } catch {
      return Self.error(
        .internalServerError, "image-unusable", "the image of camera '\(camera)' can't be encoded: \(error)")
    }
  }

  /// Headers of a frame: time of exposure, intrinsics, and the camera's pose at that time.
  private func fields(of frame: CameraFrame) -> [(HTTPField.Name, String)] {
    var list = [("x-captured-ns", String(frame.captured.nanoseconds))]
    if let model = state.model(of: frame.camera, width: frame.width, height: frame.height) {
      let intrinsics = [
        model.focalX, model.focalY, model.centerX, model.centerY, Double(model.width), Double(model.height),
      ]
      list.append(("x-lens", intrinsics.map { String($0) }.joined(separator: " ")))
      let distortion: [Double] =
        switch model.distortion {
        case .none: []
        case .radialTangential(let k1, let k2, let p1, let p2, let k3): [k1, k2, p1, p2, k3]
        case .fisheye(let k1, let k2, let k3, let k4): [k1, k2, k3, k4]
        }
      // Five numbers are the model of Brown and Conrady, four that of Kannala and Brandt, in OpenCV's order.
      list.append(("x-distortion", distortion.map { String($0) }.joined(separator: " ")))
      if let head = frame.worldFromHead {
        let pose = head * model.headFromCamera
        let (p, q) = (pose.position, pose.orientation)
        list.append(
          ("x-camera-pose", [p.x, p.y, p.z, q.x, q.y, q.z, q.w].map { String($0) }.joined(separator: " ")))
      }
    }
    return list.compactMap { name, value in HTTPField.Name(name).map { ($0, value) } }
  }

  private func act(_ action: () throws -> String) -> Response {
    do {
      return Self.response(.ok, "application/json", Array(try action().utf8))
    } catch {
      return Self.error(
        .badRequest, (error as? any CodedError)?.code ?? "page-action-failed", String(describing: error))
    }
  }

  private struct RecordRequest: Decodable {
    var action: String
    var camera: Bool?
    var microphone: Bool?
  }

  private func record(_ body: [UInt8], _ scopes: Set<Scope>) throws -> String {
    guard let request = try? JSONDecoder().decode(RecordRequest.self, from: Data(body)) else {
      throw PageError("expected {\"action\": \"start\" or \"stop\", \"camera\": bool, \"microphone\": bool}")
    }
    switch request.action {
    case "start":
      var streams = RecordedStream.standard
      if request.camera == true, scopes.contains(.camera) { streams.insert(.camera) }
      if request.microphone == true, scopes.contains(.microphone) { streams.insert(.microphone) }
      try state.startRecording(streams: streams)
    case "stop": state.stopRecording()
    default: throw PageError("the action '\(request.action)' is not known; allowed: start, stop")
    }
    return "{}"
  }

  private struct RoleRequest: Decodable {
    var device: UInt32
    var role: String
  }

  private func assign(_ body: [UInt8]) throws -> String {
    guard let request = try? JSONDecoder().decode(RoleRequest.self, from: Data(body)) else {
      throw PageError("expected {\"device\": number, \"role\": name}")
    }
    guard let role = DeviceRole.allCases.first(where: { $0.name == request.role }) else {
      throw PageError(
        "the role '\(request.role)' is not known; allowed: \(DeviceRole.allCases.map(\.name).joined(separator: ", "))"
      )
    }
    guard state.setRole(role, of: DeviceID(request.device)) else {
      throw PageError("no device has the number \(request.device)")
    }
    return "{}"
  }

  // MARK: responses

  private static func headers(_ type: String) -> HTTPFields {
    var fields = HTTPFields()
    fields[.contentType] = type
    fields[.xContentTypeOptions] = "nosniff"
    fields[.contentSecurityPolicy] =
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    if let name = HTTPField.Name("referrer-policy") { fields[name] = "no-referrer" }
    return fields
  }

  private static func response(_ status: HTTPResponse.Status, _ type: String, _ bytes: [UInt8]) -> Response {
    Response(status: status, headers: headers(type), body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
  }

  private static func error(_ status: HTTPResponse.Status, _ code: String, _ text: String) -> Response {
    // Strings can always be encoded.
    let body = (try? JSONEncoder().encode(["error": text, "code": code])) ?? Data()
    return response(status, "application/json", [UInt8](body))
  }
}

/// A request of the page that is invalid.
struct PageError: CodedError {
  let code = "page-request-invalid"
  let description: String
  init(_ description: String) { self.description = description }
}

import Admission
public import Authorisation
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

  private enum Operation { case file, live, frame, record, recenter, assign }

  private static let fileRoutes: [(route: HTTPRoute, operation: Operation)] = PageFiles.paths.map {
    (HTTPRoute(.get, $0, .page), .file)
  }
  private static let table = RouteTable<Operation>(
    fileRoutes + [
      (HTTPRoute(.get, "/live", .live), .live), (HTTPRoute(.get, "/live/frame", .liveFrame), .frame),
      (HTTPRoute(.post, "/live/recording", .recording), .record),
      (HTTPRoute(.post, "/live/recenter", .recenter), .recenter),
      (HTTPRoute(.post, "/live/role", .role), .assign),
    ])
  public static var routes: [HTTPRoute] { table.routes }

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

  public func admission(of request: Request, by rights: Rights) -> HTTPAdmission? {
    Self.table.admission(request) { operation, _ in
      switch operation {
      case .file, .live, .frame: return .small
      case .record, .recenter, .assign:
        // A form of another site can't send this type without a preflight request.
        guard request.headers[.contentType]?.hasPrefix("application/json") == true else {
          return .refused(
            Self.error(
              .unsupportedMediaType, "http-content-type-invalid", "the content type must be application/json"
            ))
        }
        return .small
      }
    }
  }

  public func answer(_ request: Request, body: [UInt8], by rights: Rights) async -> Response? {
    guard case .operation(let operation, _) = Self.table.match(request.method, request.uri.path) else {
      return nil
    }
    switch operation {
    case .file: return files[request.uri.path].map { Self.response(.ok, $0.type, $0.bytes) }
    case .live: return live(rights)
    case .frame: return await frame(request)
    case .record: return act { [self] in try record(body, rights) }
    case .recenter:
      return act { [state] in
        state.recenter()
        return "{}"
      }
    case .assign: return act { [self] in try assign(body) }
    }
  }

  private func live(_ rights: Rights) -> Response {
    let ticket: AdmissionControl.Ticket
    do throws(AdmissionError) { ticket = try streams.admit(rights.principal) } catch {
      return Self.error(.serviceUnavailable, "page-limit-reached", error.description)
    }
    let stream = LiveStream(
      state: state, rights: rights, version: version, cameras: cameras,
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
        .internalServerError, "image-unusable",
        "the image of camera '\(camera)' can't be encoded: \(error.reason)")
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
    } catch let error as AuthorisationError {
      return HTTPReply.refused(error).response
    } catch {
      return Self.error(
        .badRequest, (error as? any CodedError)?.code ?? "page-action-failed", error.reason)
    }
  }

  private struct RecordRequest: Decodable {
    var action: String
    var camera: Bool?
    var microphone: Bool?
  }

  private func record(_ body: [UInt8], _ rights: Rights) throws -> String {
    guard let request = try? JSONDecoder().decode(RecordRequest.self, from: Data(body)) else {
      throw PageError("expected {\"action\": \"start\" or \"stop\", \"camera\": bool, \"microphone\": bool}")
    }
    switch request.action {
    case "start":
      var streams = RecordedStream.standard
      let policy = state.access.policy
      if request.camera == true {
        try policy.require(.route(.recordCamera), by: rights)
        streams.insert(.camera)
      }
      if request.microphone == true {
        try policy.require(.route(.recordMicrophone), by: rights)
        streams.insert(.microphone)
      }
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

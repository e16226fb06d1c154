public import Bridge
import BridgeProtocol
import Cameras
import Foundation
import HTTPTypes
public import Hummingbird
public import ModelService
import NIOCore
import Sensing
import Spatial
public import ServiceLifecycle
import Synchronization

/// The page of a running bridge, and what it reads: `/`, `/live`, `/live/frame`, and what its buttons do.
public final class DashboardPages: HTTPPages, Service {
  private let files: PageFiles
  private let source: LiveSource
  private let version: String
  private let cameras = NewestFrames()
  private let streams = Mutex(0)
  private let isStopping = Atomic(false)
  private let problem: @Sendable () -> String?

  /// Streams at a time: each is a page that is open.
  static let maximumStreams = 32

  /// - Parameters:
  ///   - folder: of the page's files.
  ///   - problem: why the bridge can't do its work now; nil when it can.
  /// - Throws: when a file of the page is not there.
  public init(
    folder: String, source: LiveSource, version: String, problem: @escaping @Sendable () -> String?
  ) throws {
    files = try PageFiles(folder: folder)
    self.source = source
    self.version = version
    self.problem = problem
  }

  public func run() async throws {
    await cancelWhenGracefulShutdown { [self] in await cameras.run(source) }
    isStopping.store(true, ordering: .relaxed)
  }

  public func answer(_ request: Request, body: [UInt8], peer: HTTPPeer) async -> Response? {
    let path = request.uri.path
    if request.method == .get || request.method == .head, let file = files[path] {
      return Self.response(.ok, file.type, file.bytes)
    }
    guard path == "/live" || path.hasPrefix("/live/") else { return nil }
    guard let scopes = source.scopes(of: peer) else {
      var response = Self.error(.unauthorized, "this bridge asks for a token: Authorization: Bearer …")
      response.headers[.wwwAuthenticate] = "Bearer"
      return response
    }
    switch (request.method, path) {
    case (.get, "/live"): return live(scopes)
    case (.get, "/live/frame"): return await frame(request, scopes)
    case (.post, "/live/recording"):
      return act(request, scopes) { [self] in try record(body, scopes) }
    case (.post, "/live/recenter"):
      return act(request, scopes) { [source] in
        source.recenter()
        return "{}"
      }
    case (.post, "/live/role"):
      return act(request, scopes) { [self] in try assign(body) }
    case (_, "/live"), (_, "/live/frame"), (_, "/live/recording"), (_, "/live/recenter"), (_, "/live/role"):
      return Self.error(.methodNotAllowed, "\(path) does not take \(request.method.rawValue)")
    default: return Self.error(.notFound, "there is nothing at \(path)")
    }
  }

  private func live(_ scopes: Set<Scope>) -> Response {
    let isAdmitted = streams.withLock { count -> Bool in
      guard count < Self.maximumStreams else { return false }
      count += 1
      return true
    }
    guard isAdmitted else {
      return Self.error(.serviceUnavailable, "\(Self.maximumStreams) pages are open already")
    }
    let stream = LiveStream(
      source: source, scopes: scopes, version: version, cameras: cameras, problem: problem,
      isStopping: { [self] in isStopping.load(ordering: .relaxed) },
      onEnd: { [self] in streams.withLock { $0 -= 1 } })
    let lines = AsyncStream<ByteBuffer>(unfolding: { await stream.next().map { ByteBuffer(string: $0) } })
    let body = ResponseBody(asyncSequence: lines)
    var response = Response(status: .ok, headers: Self.headers("application/x-ndjson"), body: body)
    response.headers[.cacheControl] = "no-store"
    return response
  }

  private func frame(_ request: Request, _ scopes: Set<Scope>) async -> Response {
    guard scopes.contains(.camera) else {
      return Self.error(.forbidden, "pictures need the scope 'camera'; see 'access' in the configuration")
    }
    let parameters = request.uri.queryParameters
    guard let camera = parameters["camera"].map(String.init) else {
      return Self.error(.badRequest, "which camera? /live/frame?camera=NAME&after=NANOSECONDS")
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
      return Self.error(.internalServerError, "the picture of '\(camera)' can't be read: \(error)")
    }
  }

  /// When its light was gathered, where the camera was then, and how it sees.
  private func fields(of frame: CameraFrame) -> [(HTTPField.Name, String)] {
    var list = [("x-captured-ns", String(frame.captured.nanoseconds))]
    if let model = source.model(of: frame.camera, width: frame.width, height: frame.height) {
      let lens = [
        model.focalX, model.focalY, model.centerX, model.centerY, Double(model.width), Double(model.height),
      ]
      list.append(("x-lens", lens.map { String($0) }.joined(separator: " ")))
      let distortion: [Double] =
        switch model.distortion {
        case .none: []
        case .radialTangential(let k1, let k2, let p1, let p2, let k3): [k1, k2, p1, p2, k3]
        case .fisheye(let k1, let k2, let k3, let k4): [k1, k2, k3, k4]
        }
      // Five numbers are Brown and Conrady's model, four Kannala and Brandt's, in OpenCV's orders.
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

  private func act(
    _ request: Request, _ scopes: Set<Scope>, _ action: () throws -> String
  ) -> Response {
    guard scopes.contains(.manage) else {
      return Self.error(.forbidden, "this needs the scope 'manage'; see 'access' in the configuration")
    }
    // A form of another site can't send this type without asking first.
    guard request.headers[.contentType]?.hasPrefix("application/json") == true else {
      return Self.error(.unsupportedMediaType, "application/json is expected")
    }
    do {
      return Self.response(.ok, "application/json", Array(try action().utf8))
    } catch {
      return Self.error(.badRequest, String(describing: error))
    }
  }

  private struct RecordRequest: Decodable {
    var action: String
    var camera: Bool?
    var microphone: Bool?
  }

  private func record(_ body: [UInt8], _ scopes: Set<Scope>) throws -> String {
    guard let request = try? JSONDecoder().decode(RecordRequest.self, from: Data(body)) else {
      throw PageFault("expected {\"action\": \"start\" or \"stop\", \"camera\": bool, \"microphone\": bool}")
    }
    switch request.action {
    case "start":
      var streams = RecordedStream.standard
      if request.camera == true, scopes.contains(.camera) { streams.insert(.camera) }
      if request.microphone == true, scopes.contains(.microphone) { streams.insert(.microphone) }
      try source.startRecording(streams: streams)
    case "stop": source.recording.requestStop()
    default: throw PageFault("the action '\(request.action)' is not known; start and stop are")
    }
    return "{}"
  }

  private struct RoleRequest: Decodable {
    var device: UInt32
    var role: String
  }

  private func assign(_ body: [UInt8]) throws -> String {
    guard let request = try? JSONDecoder().decode(RoleRequest.self, from: Data(body)) else {
      throw PageFault("expected {\"device\": number, \"role\": name}")
    }
    guard let role = DeviceRole.allCases.first(where: { $0.name == request.role }) else {
      throw PageFault("the role '\(request.role)' is not known")
    }
    guard source.setRole(role, of: request.device) else {
      throw PageFault("there is no device \(request.device)")
    }
    return "{}"
  }

  // MARK: answers

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

  private static func error(_ status: HTTPResponse.Status, _ text: String) -> Response {
    let body = (try? JSONEncoder().encode(["error": text])) ?? Data()
    return response(status, "application/json", [UInt8](body))
  }
}

/// Why a request of the page is not carried out, in a sentence.
struct PageFault: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

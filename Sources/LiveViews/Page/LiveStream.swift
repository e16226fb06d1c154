import Bridge
import BridgeProtocol
import Cameras
import Foundation
import Inference
import Sensing
import Spatial
import SwiftProtobuf
import Synchronization

/// The lines of `/live`: JSON objects, each with some of the keys that docs/service.md lists. Messages of the protocol
/// are in protobuf's own JSON form. Lines are made when they are asked for: a slow reader gets fewer.
actor LiveStream {
  private let source: LiveSource
  private let scopes: Set<Scope>
  private let version: String
  private let cameras: NewestFrames
  private let problem: @Sendable () -> String?
  private let isStopping: @Sendable () -> Bool
  private let onEnd: @Sendable () -> Void
  private let collector: Collector
  private var turn = 0
  private var logged = 0

  /// Seconds between poses, and between everything that is slow.
  static let period = Duration.milliseconds(50)
  private static let slowEvery = 10

  init(
    source: LiveSource, scopes: Set<Scope>, version: String, cameras: NewestFrames,
    problem: @escaping @Sendable () -> String?, isStopping: @escaping @Sendable () -> Bool,
    onEnd: @escaping @Sendable () -> Void
  ) {
    self.source = source
    self.scopes = scopes
    self.version = version
    self.cameras = cameras
    self.problem = problem
    self.isStopping = isStopping
    self.onEnd = onEnd
    collector = Collector(source.annotations.subscribe())
  }

  deinit { onEnd() }

  /// The next line; nil when the bridge goes down.
  func next() async -> String? {
    defer { turn += 1 }
    if turn == 0 {
      let names = Scope.allCases.filter { scopes.contains($0) }.map { "\"\($0.rawValue)\"" }
      return
        "{\"hello\":{\"version\":\"\(version)\",\"scopes\":[\(names.joined(separator: ","))]},\"time\":\(source.now.nanoseconds)}\n"
    }
    do { try await Task.sleep(for: Self.period) } catch { return nil }
    if isStopping() { return nil }
    var parts = ["\"time\":\(source.now.nanoseconds)"]
    let devices = scopes.contains(.poses) ? source.devices : []
    if !devices.isEmpty { parts.append("\"poses\":\(Self.list(poses(devices)))") }
    let allowed = collector.take().filter { scopes.contains($0.kind.isSpeech ? .microphone : .camera) }
    if !allowed.isEmpty {
      parts.append("\"annotations\":\(Self.list(allowed.map { Vrbridge_V1_Annotation($0) }))")
    }
    if turn % Self.slowEvery == 1 { parts += await slow(devices) }
    return "{" + parts.joined(separator: ",") + "}\n"
  }

  /// What was published since it was looked at.
  private final class Collector: Sendable {
    private let list: ListBox
    private let task: Task<Void, Never>

    private final class ListBox: Sendable {
      let annotations = Mutex<[Annotation]>([])
    }

    init(_ stream: AsyncStream<[Annotation]>) {
      let list = ListBox()
      self.list = list
      task = Task {
        for await new in stream {
          list.annotations.withLock { annotations in
            annotations += new
            // Nobody reads: what is newest counts.
            if annotations.count > 1000 { annotations.removeFirst(annotations.count - 1000) }
          }
        }
      }
    }

    deinit { task.cancel() }

    func take() -> [Annotation] {
      list.annotations.withLock { annotations in
        defer { annotations = [] }
        return annotations
      }
    }
  }

  private func poses(_ devices: [Vrbridge_V1_Device]) -> [Vrbridge_V1_Pose] {
    devices.filter(\.connected).compactMap { device in
      guard let state = source.state(of: device) else { return nil }
      // Where it is now: the newest sample of a slow device is older than what is shown beside it.
      let shown = source.state(of: device, at: source.now) ?? state
      return Vrbridge_V1_Pose(shown, device: DeviceID(device.deviceID), role: device.role.deviceRole)
    }
  }

  private func slow(_ devices: [Vrbridge_V1_Device]) async -> [String] {
    var parts: [String] = []
    if scopes.contains(.poses) {
      parts.append("\"devices\":\(Self.list(devices))")
      let figures = source.figures.map {
        "{\"device\":\($0.device),\"figures\":\((try? $0.figures.jsonString()) ?? "{}")}"
      }
      parts.append("\"figures\":[\(figures.joined(separator: ","))]")
    }
    parts.append("\"recording\":\(Self.json(RecordingView(source.recording.status)))")
    let models = await source.models.figures.map { ModelView($0.name, $0.version, $0.figures) }
    parts.append("\"models\":\(Self.json(models))")
    if scopes.contains(.camera) { parts.append("\"cameras\":\(Self.json(cameras.names))") }
    if scopes.contains(.manage) {
      let lines = source.log.lines(after: logged)
      logged = lines.last?.number ?? logged
      if !lines.isEmpty {
        parts.append(
          "\"log\":\(Self.json(lines.map { LogView(time: $0.time, level: $0.level, text: $0.text) }))")
      }
    }
    if let problem = problem() { parts.append("\"problem\":\(Self.json(problem))") }
    return parts
  }

  private static func list(_ messages: [some SwiftProtobuf.Message]) -> String {
    "[" + messages.compactMap { try? $0.jsonString() }.joined(separator: ",") + "]"
  }

  private static func json(_ value: some Encodable) -> String {
    let encoder = JSONEncoder()
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    return (try? encoder.encode(value)).map { String(decoding: $0, as: UTF8.self) } ?? "null"
  }
}

private struct RecordingView: Encodable {
  var running: Bool
  var path: String
  var bytes: UInt64
  var seconds: Double
  var dropped: UInt64
  var failure: String?

  init(_ status: RecordingStatus) {
    (running, path, bytes) = (status.isRunning, status.path, status.bytes)
    (seconds, dropped, failure) = (status.seconds, status.dropped, status.failure)
  }
}

private struct ModelView: Encodable {
  var name: String
  var version: String
  var runs: UInt64
  var failures: UInt64
  /// Milliseconds.
  var p50: Double?
  var p95: Double?

  init(_ name: String, _ version: String, _ figures: ModelFigures) {
    (self.name, self.version) = (name, version)
    (runs, failures) = (UInt64(figures.runs), UInt64(figures.failures))
    (p50, p95) = (figures.latency(0.5), figures.latency(0.95))
  }
}

private struct LogView: Encodable {
  /// Milliseconds since 1970.
  var time: Int64
  var level: String
  var text: String
}

import Foundation
import LiveState
import NIOCore
import Sensing

/// One line of `/live`: a JSON object with some of these keys, as docs/reference/http-api.md lists them.
///
/// Devices, poses, metrics and annotations have the fields of the protocol's messages in protobuf's JSON form: names in
/// lowerCamelCase, enumerations by name, 64-bit integers as strings, fields at their default left out.
struct LiveLine: Encodable {
  var hello: Hello?
  /// CLOCK_MONOTONIC, ns.
  var time: Int64
  var poses: [LivePose]?
  var annotations: [LiveAnnotation]?
  var devices: [LiveDevice]?
  var figures: [LiveMetrics]?
  var recording: Recording?
  var models: [Model]?
  /// Names of cameras that sent frames.
  var cameras: [String]?
  var log: [LogLine]?
  /// Why the bridge cannot do its work.
  var problem: String?

  init(time: Int64) { self.time = time }

  struct Hello: Encodable {
    var version: String
    var scopes: [String]
  }

  struct Recording: Encodable {
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

  struct Model: Encodable {
    var name: String
    var version: String
    var runs: UInt64
    var failures: UInt64
    /// Median and 95th percentile of the latency in milliseconds.
    var p50: Double?
    var p95: Double?

    init(_ metrics: ModelActivity) {
      (name, version) = (metrics.name, metrics.version)
      (runs, failures) = (metrics.runs, metrics.failures)
      (p50, p95) = (metrics.medianLatency, metrics.highLatency)
    }
  }

  struct LogLine: Encodable {
    /// Milliseconds since 1970.
    var time: Int64
    var level: String
    var text: String

    init(_ line: LogTail.Line) { (time, level, text) = (line.time, line.level, line.text) }
  }
}

/// Encodes lines; one for each stream, since an encoder is reused but not shared.
struct LiveLineEncoder {
  private let encoder: JSONEncoder

  init() {
    encoder = JSONEncoder()
    encoder.outputFormatting = .withoutEscapingSlashes
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
  }

  /// Returns the line's bytes with the line break.
  func encode(_ line: LiveLine) throws -> ByteBuffer {
    var buffer = ByteBuffer(bytes: try encoder.encode(line))
    buffer.writeInteger(UInt8(ascii: "\n"))
    return buffer
  }
}

/// The value, or nil, which is left out, when it equals a field's default.
func unless<Value: Equatable>(_ value: Value, is standard: Value) -> Value? {
  value == standard ? nil : value
}

extension FixedWidthInteger {
  /// The value as a string, or nil for zero: JSON numbers hold 53 bits.
  var json: String? { self == 0 ? nil : String(self) }
}

extension DeviceRole {
  /// The protocol's name; nil, which is left out, for none.
  var json: String? { self == .none ? nil : "ROLE_" + name.uppercased() }
}

import BridgeProtocol
import Sensing
import Spatial
import Tracking
import TrackingPipeline
import SessionLog

// Between messages of the protocol and the values that the rest of the bridge takes.

extension HapticRequest {
  private static let longest: UInt64 = 10_000_000_000

  init(_ message: Vrbridge_V1_Haptic) throws(RequestError) {
    guard message.amplitude.isFinite, message.frequencyHz.isFinite else {
      throw RequestError(.invalid, "haptic-invalid", "amplitude and frequency must be finite numbers")
    }
    self.init(
      device: DeviceID(message.deviceID), amplitude: Double(message.amplitude),
      frequency: Double(message.frequencyHz),
      duration: Double(min(message.durationNs, Self.longest)) * 1e-9)
  }
}

extension LightRequest {
  init(_ message: Vrbridge_V1_Light) throws(RequestError) {
    guard message.red.isFinite, message.green.isFinite, message.blue.isFinite else {
      throw RequestError(.invalid, "light-invalid", "red, green and blue must be finite numbers")
    }
    self.init(
      device: DeviceID(message.deviceID), red: Double(message.red), green: Double(message.green),
      blue: Double(message.blue))
  }
}

extension PoseMeasurement {
  /// Noise of a good optical tracker, m and rad, for a client that states none.
  private static let defaultNoise = (position: 0.002, orientation: 0.01)

  init(_ message: Vrbridge_V1_Measurement) {
    let orientation = Quaternion(x: message.qx, y: message.qy, z: message.qz, w: message.qw)
    self.init(
      captured: Timestamp(nanoseconds: message.capturedNs),
      position: Vector3(message.px, message.py, message.pz),
      positionNoise: message.sigmaPosition == 0 ? Self.defaultNoise.position : Double(message.sigmaPosition),
      orientation: orientation.components == .zero ? nil : orientation,
      orientationNoise: message.sigmaOrientation == 0
        ? Self.defaultNoise.orientation : Double(message.sigmaOrientation),
      point: Vector3(message.pointX, message.pointY, message.pointZ))
  }
}

extension RecordingPlan {
  init(_ message: Vrbridge_V1_StartRecording) throws(RequestError) {
    self.init(path: message.path)
    if !message.streams.isEmpty {
      var streams: Set<RecordedStream> = []
      for name in message.streams {
        guard let stream = RecordedStream(rawValue: name) else {
          let known = RecordedStream.allCases.map(\.rawValue).joined(separator: ", ")
          throw RequestError(
            .invalid, "recorded-stream-unknown",
            "'\(name.prefix(40))' is not a stream of recordings; allowed: \(known)")
        }
        streams.insert(stream)
      }
      self = RecordingPlan(path: message.path, streams: streams)
    }
    guard message.durationS.isFinite, message.durationS >= 0, message.splitS.isFinite, message.splitS >= 0
    else { throw RequestError(.invalid, "duration-invalid", "durations must be 0 s or more") }
    if message.durationS > 0 { duration = message.durationS }
    if message.maxBytes > 0 { maximumSize = message.maxBytes }
    if message.splitBytes > 0 { splitSize = max(message.splitBytes, 1 << 20) }
    if message.splitS > 0 { splitTime = max(message.splitS, 1) }
  }
}

extension Vrbridge_V1_RecordingStatus {
  init(_ status: RecordingStatus) {
    self.init()
    running = status.isRunning
    path = status.path
    bytes = status.bytes
    messages = status.messages
    seconds = status.seconds
    dropped = status.dropped
    queuedBytes = UInt64(status.queued)
    mostQueuedBytes = UInt64(status.mostQueued)
    freeBytes = status.free
    files = UInt32(status.files)
    failure = status.failure ?? ""
  }
}

extension DeviceRequestError {
  /// The protocol's class of the error.
  var category: Vrbridge_V1_ErrorCode {
    switch self {
    case .unknownDevice: .notFound
    case .cannotVibrate, .hasNoLight, .hasNoIMU: .unsupported
    case .measurementCount, .invalidMeasurement: .invalid
    case .tooManyMeasurements, .measurementQueueFull, .busy: .tooOften
    }
  }
}

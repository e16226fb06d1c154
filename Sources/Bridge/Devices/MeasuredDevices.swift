import BridgeProtocol
import CLinux
import Devices
import Sensing
import Spatial
import Synchronization
import Tracking

/// Why measurements of a place can't be taken.
struct MeasurementFault: Error, Sendable {
  var code: Vrbridge_V1_ErrorCode
  var message: String
}

extension DeviceManager {
  /// In one request.
  static let mostMeasurements = 64

  /// Takes where devices were, as others measured it; all or none.
  func measure(_ messages: [Vrbridge_V1_Measurement]) -> MeasurementFault? {
    guard !messages.isEmpty, messages.count <= Self.mostMeasurements else {
      return MeasurementFault(
        code: .invalid, message: "a request has 1 to \(Self.mostMeasurements) measurements")
    }
    var taken: [(PipelineReference, PositionMeasurement)] = []
    for message in messages {
      guard let device = roster.device(DeviceID(message.deviceID)), device.isConnected else {
        return MeasurementFault(code: .notFound, message: "there is no device \(message.deviceID)")
      }
      guard device.description.parts.contains(where: { $0.reports.contains { $0.samples != nil } }) else {
        return MeasurementFault(
          code: .unsupported,
          message:
            "device \(message.deviceID) has no inertial unit of its own, so that nothing carries its place from one measurement to the next"
        )
      }
      let measurement = PositionMeasurement(message)
      guard measurement.isUsable else {
        let (least, most) = (
          PositionMeasurement.noiseRange.lowerBound, PositionMeasurement.noiseRange.upperBound
        )
        return MeasurementFault(
          code: .invalid,
          message:
            "the measurement of device \(message.deviceID) must have finite numbers, a place within \(Int(PositionMeasurement.farthest)) m, a quaternion of length 1 or of zeros, and deviations from \(least) to \(most)"
        )
      }
      taken.append((device.pipeline, measurement))
    }
    let now = Timestamp(nanoseconds: linux_monotonic_ns())
    let spent = measurementAllowance.withLock { allowance in
      allowance.take(messages.map { DeviceID($0.deviceID) }, at: now)
    }
    if let spent {
      return MeasurementFault(
        code: .tooOften,
        message:
          "device \(spent.number) is measured more than \(Int(MeasurementAllowance.rate)) times a second")
    }
    let measurements = taken
    loop.post { $0.measure(measurements) }
    return nil
  }
}

extension PositionMeasurement {
  /// m and rad: what is taken where a client says nothing of its noise; a good optical tracker.
  private static let usualNoise = (position: 0.002, orientation: 0.01)

  init(_ message: Vrbridge_V1_Measurement) {
    let turn = Quaternion(x: message.qx, y: message.qy, z: message.qz, w: message.qw)
    self.init(
      captured: Timestamp(nanoseconds: message.capturedNs),
      position: Vector3(message.px, message.py, message.pz),
      positionNoise: message.sigmaPosition == 0 ? Self.usualNoise.position : Double(message.sigmaPosition),
      orientation: turn.components == .zero ? nil : turn,
      orientationNoise: message.sigmaOrientation == 0
        ? Self.usualNoise.orientation : Double(message.sigmaOrientation),
      point: Vector3(message.pointX, message.pointY, message.pointZ))
  }
}

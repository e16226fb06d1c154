import Sensing
import Spatial
import SwiftProtobuf
import Testing

@testable import BridgeProtocol

struct DeviceMessageTests {
  @Test func aStatusIsTheSameAfterEncodingAndDecoding() throws {
    var random = SeededRandom(seed: 20)
    for _ in 0..<2000 {
      let status = Self.status(&random)
      let bytes: [UInt8] = try Vrbridge_V1_Device(status).serializedBytes()
      #expect(try Vrbridge_V1_Device(serializedBytes: bytes).status == status)
    }
  }

  @Test func anEventIsTheSameAfterEncodingAndDecoding() throws {
    var random = SeededRandom(seed: 21)
    let time = Timestamp(nanoseconds: 987_654_321)
    for kind in [DeviceEvent.Kind.arrived, .lost, .changed, .state] {
      let event = DeviceEvent(kind, device: Self.status(&random), time: time)
      let bytes: [UInt8] = try Vrbridge_V1_DeviceEvent(event).serializedBytes()
      #expect(try Vrbridge_V1_DeviceEvent(serializedBytes: bytes).event == event)
    }
    let event = DeviceEvent(.recentered, time: time)
    let message = Vrbridge_V1_DeviceEvent(event)
    #expect(message.hasDevice)
    #expect(message.event == event)
    #expect(Vrbridge_V1_DeviceEvent().event == nil)
  }

  @Test func unknownNumbersOfANewerProtocolBecomeTheNearestKnownValue() {
    let message = Vrbridge_V1_Device.with {
      $0.connected = true
      $0.role = .UNRECOGNIZED(99)
      $0.origin = .UNRECOGNIZED(99)
      $0.state = .UNRECOGNIZED(99)
      $0.controls = [.with { $0.kind = .UNRECOGNIZED(99) }]
      $0.health.calibration = "oracle"
    }
    let status = message.status
    #expect(status.role == .tracker && status.origin == .hardware && status.state == .streaming)
    #expect(status.controls.map(\.kind) == [.axis])
    #expect(status.health.calibration == .nominal)
  }

  @Test func unknownFiguresAreNaNOnTheWireAndNilOutsideIt() {
    let message = Vrbridge_V1_Device(DeviceStatus(id: DeviceID(1), family: "f", name: "n"))
    #expect(message.health.clockResidualUs.isNaN && message.health.driftAtRestDegMin.isNaN)
    #expect(message.health.gyroscopeNoiseDeg.isNaN && message.health.measurementDelayMs.isNaN)
    #expect(message.health.clockSkewPpm == 0 && message.health.biasX == 0)
    #expect(message.status.health == DeviceHealth())
  }

  private static func status(_ random: inout SeededRandom) -> DeviceStatus {
    func text() -> String {
      String(
        (0..<Int.random(in: 0...12, using: &random)).map { _ in "aZ9-/öé".randomElement(using: &random) ?? "a"
        })
    }
    func number() -> Double? {
      Bool.random(using: &random) ? Double.random(in: -1e6...1e6, using: &random) : nil
    }
    func count() -> UInt64 { UInt64.random(in: 0...(.max), using: &random) }
    var status = DeviceStatus(
      id: DeviceID(UInt32.random(in: 0...(.max), using: &random)), family: text(), name: text(),
      serial: text(), role: DeviceRole.allCases.randomElement(using: &random) ?? .none,
      origin: [Sensing.Origin.hardware, .recorded, .emulated].randomElement(using: &random) ?? .hardware,
      pageIndex: Int.random(in: 0..<64, using: &random))
    status.isConnected = Bool.random(using: &random)
    status.isDegraded = Bool.random(using: &random)
    status.controls = (0..<Int.random(in: 0...20, using: &random)).map { _ in
      Control(path: text(), kind: Control.Kind.allCases.randomElement(using: &random) ?? .button)
    }
    if Bool.random(using: &random) {
      status.battery = BatteryState(
        level: Float.random(in: 0...1, using: &random), isCharging: Bool.random(using: &random))
    }
    status.state = DeviceState.allCases.randomElement(using: &random) ?? .found
    status.reason = text()
    status.since = Timestamp(nanoseconds: Int64.random(in: .min ... .max, using: &random))
    status.port = text()
    status.signal = Bool.random(using: &random) ? Int.random(in: -120 ... -1, using: &random) : nil
    status.hasHaptics = Bool.random(using: &random)
    status.hasLight = Bool.random(using: &random)
    status.health.reports = count()
    status.health.decodeErrors = count()
    status.health.lostSamples = count()
    status.health.gyroscopeBias = Vector3(number() ?? 0, number() ?? 0, number() ?? 0)
    status.health.clockResidualMicroseconds = number()
    status.health.clockSkewPartsPerMillion = number() ?? 0
    status.health.calibration =
      [.nominal, .model, .onDevice, .factory, .user].randomElement(using: &random) ?? .nominal
    status.health.driftAtRestDegreesPerMinute = number()
    status.health.driftAgainstGravityDegreesPerMinute = number()
    status.health.driftAgainstFieldDegreesPerMinute = number()
    status.health.gyroscopeNoiseDegrees = number()
    status.health.isHeadingReferenced = Bool.random(using: &random)
    status.health.measurements = count()
    status.health.measurementsRejected = count()
    status.health.measurementDelayMilliseconds = number()
    status.health.measurementConsistency = number()
    return status
  }
}

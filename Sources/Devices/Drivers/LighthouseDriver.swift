import Compression
import Sensing
import Synchronization

extension DeviceDriver {
  /// Valve Lighthouse devices: zlib-compressed JSON configuration behind feature reports 0x10 and 0x11.
  static let lighthouse: DeviceDriver = {
    var driver = DeviceDriver(name: "lighthouse")
    driver.configuration = LighthouseConfigurationReader()
    driver.emulation.features = [(0x10, 63), (0x11, 63)]
    return driver
  }()
}

/// Reads `LighthouseConfiguration`.
struct LighthouseConfigurationReader: ConfigurationReader {
  let dataFeature: UInt8 = 0x11

  func read(from device: any FeatureAccess) throws -> [UInt8] {
    try LighthouseConfiguration.read(from: device)
  }

  func configuration(_ stored: [UInt8], axes: AxisTurn) throws -> DeviceConfiguration {
    let configuration = try LighthouseConfiguration(blob: stored)
    return DeviceConfiguration(
      serial: configuration.serial, product: configuration.product,
      calibration: configuration.calibration(axes: axes), sensors: configuration.sensors)
  }

  func responder(_ stored: [UInt8], others: any FeatureResponder) throws -> any FeatureResponder {
    LighthouseFeatures(blob: try LighthouseFeatures.compressed(stored), others: others)
  }

  func emulated(serial: String) -> [UInt8] {
    let json = """
      {"device_class":"emulated","device_serial_number":"\(serial)","model_number":"vrbridge emulated",\
      "acc_bias":[0.129,0.017,-0.402],"acc_scale":[0.9997,0.9991,0.9976],\
      "gyro_bias":[-0.0141,0.0128,-0.0294],"gyro_scale":[1.0,1.0,1.0]}
      """
    return Array(json.utf8)
  }
}

/// Answers as a Lighthouse device with the given configuration blob does.
public final class LighthouseFeatures: FeatureResponder {
  private let blob: [UInt8]
  private let others: any FeatureResponder
  private let position = Mutex(0)

  /// A blob as devices store it: JSON text is compressed first.
  public static func compressed(_ blob: [UInt8]) throws -> [UInt8] {
    guard blob.first == UInt8(ascii: "{") else { return blob }
    return try deflateZlib(blob)
  }

  public init(blob: [UInt8], others: any FeatureResponder) {
    self.blob = blob
    self.others = others
  }

  public func getFeature(id: UInt8, length: Int) -> [UInt8]? {
    switch id {
    case 0x10:
      position.withLock { $0 = 0 }
      return padded([0x10, UInt8(blob.count >> 8 & 0xff), UInt8(blob.count & 0xff)])
    case 0x11:
      return position.withLock { position in
        let chunk = blob[position..<min(position + 62, blob.count)]
        position += chunk.count
        return padded([0x11, UInt8(chunk.count)] + chunk)
      }
    default: return others.getFeature(id: id, length: length)
    }
  }

  public func setFeature(_ report: [UInt8]) -> Bool { others.setFeature(report) }
  public func output(_ report: [UInt8]) { others.output(report) }

  /// The device answers 64 bytes whatever the report's declared length.
  private func padded(_ bytes: [UInt8]) -> [UInt8] {
    bytes + [UInt8](repeating: 0, count: max(0, 64 - bytes.count))
  }
}

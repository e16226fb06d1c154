import Foundation
import Sensing
import Spatial
import TestSupport
import Testing

@testable import Devices

struct CalibrationStoreTests {
  private func store() throws -> CalibrationStore {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("vrb-\(UUID().uuidString)")
      .path
    return CalibrationStore(units: folder + "/units", models: folder + "/models")
  }

  private func file(_ version: Int, serial: String = "LHR-1") -> CalibrationFile {
    CalibrationFile(
      family: "htc-vive", serial: serial, version: version, date: "2026-01-02T03:04:05Z",
      calibration: InertialCalibration(
        gyroscope: AffineCorrection(matrix: .diagonal(Vector3(1.01, 1, 0.99)), offset: Vector3(0.01, 0.02, 0))
      ),
      residuals: CalibrationFile.Residuals(
        forceBefore: 1, forceAfter: 0.1, turnBefore: 2, turnAfter: 0.2,
        poses: 14,
        temperatureSpan: 0))
  }

  @Test func aNewVersionKeepsTheOldOne() throws {
    let store = try store()
    _ = try store.keep(file(1))
    let path = try store.keep(file(2))
    #expect(try store.unit(family: "htc-vive", serial: "LHR-1")?.version == 2)
    #expect(FileManager.default.fileExists(atPath: path.replacingOccurrences(of: ".json", with: ".1.json")))
    let (calibration, warning) = store.calibration(
      family: "htc-vive", serial: "LHR-1", opened: InertialCalibration(source: .factory))
    #expect(warning == nil && calibration.source == .user && calibration.gyroscope.offset.y == 0.02)
    // Another unit of the model keeps what its maker wrote.
    let other = store.calibration(
      family: "htc-vive", serial: "LHR-2", opened: InertialCalibration(source: .factory))
    #expect(other.calibration.source == .factory)
  }

  @Test func aSerialNumberNamesNoOtherFolder() throws {
    let store = try store()
    let path = try store.keep(file(1, serial: "../../etc/passwd"))
    #expect(path.hasPrefix(store.units + "/htc-vive/"))
    #expect(throws: CalibrationFileError.self) { try store.keep(file(1, serial: "")) }
  }

  @Test func damagedFilesAreNotUsedAndSayWhy() throws {
    let store = try store()
    let path = try store.keep(file(1))
    for (text, expected) in [
      ("{", "not JSON"), ("{}", "is missing"),
      (
        String(decoding: try file(1).json(), as: UTF8.self).replacingOccurrences(of: "1.01", with: "70"),
        "no sensor"
      ),
      (
        String(decoding: try file(1).json(), as: UTF8.self).replacingOccurrences(
          of: "calibration\\/1", with: "c\\/9"), "not known"
      ),
    ] {
      try text.write(toFile: path, atomically: true, encoding: .utf8)
      let (calibration, warning) = store.calibration(
        family: "htc-vive", serial: "LHR-1", opened: InertialCalibration(source: .factory))
      #expect(calibration.source == .factory)
      #expect(warning?.contains(expected) == true, "\(warning ?? "nothing")")
    }
  }

  /// The defaults that we ship follow the schema that we publish, and so does what a calibration writes.
  @Test func filesFollowTheSchema() throws {
    let folder = TestPaths.root + "/calibration"
    let written = FileManager.default.temporaryDirectory.appendingPathComponent(
      "vrb-\(UUID().uuidString).json")
    try Data(try file(3).json()).write(to: written)
    let models = try FileManager.default.contentsOfDirectory(atPath: folder)
      .filter { $0.hasSuffix(".json") && !$0.contains("schema") }
    #expect(models.count >= 2)
    for model in models {
      let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: folder + "/" + model)))
      let parsed = try CalibrationFile(json: bytes, file: model)
      #expect(parsed.serial == nil && parsed.family + ".json" == model)
    }
    let files = models.map { folder + "/" + $0 } + [written.path]
    let script = """
      import json, sys, jsonschema
      schema = json.load(open(sys.argv[1]))
      for name in sys.argv[2:]: jsonschema.validate(json.load(open(name)), schema)
      """
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["python3", "-c", script, folder + "/calibration.schema.json"] + files
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
  }

  @Test func withoutAFactoryCalibrationTheModelsIsUsed() throws {
    let store = CalibrationStore(units: "/nonexistent", models: TestPaths.root + "/calibration")
    let (calibration, _) = store.calibration(
      family: "htc-vive-wand", serial: "X", opened: InertialCalibration())
    #expect(calibration.source == .model && calibration.accelerometer.offset.y > 0.3)
  }
}

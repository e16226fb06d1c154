import Foundation
import TestSupport
import Testing

struct TrackingCommandTests {
  private func environment(_ folder: String) -> [String: String] {
    ["VRBRIDGE_STATE": folder + "/state", "VRBRIDGE_DEVICES": TestPaths.descriptions]
  }

  private func run(_ arguments: [String], in folder: String) async throws -> (
    code: Int32, output: String, errors: String
  ) {
    let program = try Program("vrbridge", arguments, environment: environment(folder))
    let code = await program.exitCode(within: 60)
    return (code ?? -1, program.output, program.errors)
  }

  @Test func trackWritesAPoseARowAndAPicture() async throws {
    let folder = try TestPaths.temporaryFolder()
    var text = "t_s,gx_rad_s,gy_rad_s,gz_rad_s,ax_m_s2,ay_m_s2,az_m_s2\n"
    for index in 0..<400 { text += "\(Double(index) * 0.01),0.01,\(index < 200 ? 0 : 0.5),0,0,9.81,0\n" }
    try text.write(toFile: folder + "/in.csv", atomically: true, encoding: .utf8)
    let result = try await run(
      ["track", folder + "/in.csv", "--out", folder + "/out.csv", "--plot", folder + "/out.png"], in: folder)
    #expect(result.code == 0, "\(result.errors)")
    #expect(result.errors.contains("400 poses"))
    let lines = try String(contentsOfFile: folder + "/out.csv", encoding: .utf8).split(separator: "\n")
    #expect(lines.count == 401)
    #expect(lines[0].hasPrefix("t_s,qx,qy,qz,qw,"))
    // A radian to the left in the second half.
    let last = lines[400].split(separator: ",").compactMap { Double($0) }
    #expect(abs(2 * atan2(last[2], last[4]) - 1) < 0.02)
    let picture = try Data(contentsOf: URL(fileURLWithPath: folder + "/out.png"))
    #expect(picture.prefix(4) == Data([0x89, 0x50, 0x4e, 0x47]) && picture.count > 10_000)
  }

  @Test(arguments: [
    (["track", "/nonexistent.csv", "--out", "/tmp/x"], "/nonexistent.csv: can't be read"),
    (["bench", "tracking", "--data", "/tmp"], "no .mat file"),
    (["bench", "prediction"], "--data FOLDER or --poses"),
    (["calibrate", "emulated:toaster"], "no family is called 'toaster'"),
    (["calibrate", "LHR-UNKNOWN"], "no attached device"),
  ])
  func wrongInputIsSaidToBe(_ arguments: [String], _ expected: String) async throws {
    let result = try await run(arguments, in: try TestPaths.temporaryFolder())
    #expect(result.code != 0)
    #expect(result.errors.contains(expected), "\(result.errors)")
  }

  /// An emulated unit with known errors: found, kept with its residuals, and not replaced by a worse one.
  @Test func calibrateFindsAndKeepsWhatAnEmulatedUnitIsWrongBy() async throws {
    let folder = try TestPaths.temporaryFolder()
    let first = try await run(["calibrate", "emulated:oculus-dk2", "--seed", "7"], in: folder)
    #expect(first.code == 0, "\(first.errors)")
    #expect(first.output.contains("version 1 kept in"))
    let path = folder + "/state/calibration/oculus-dk2/EMULATED-7.json"
    let object = try #require(
      JSONSerialization.jsonObject(with: try Data(contentsOf: URL(fileURLWithPath: path))) as? [String: Any])
    let residuals = try #require(object["residuals"] as? [String: Any])
    let before = try #require(residuals["turn_before_deg"] as? Double)
    let after = try #require(residuals["turn_after_deg"] as? Double)
    #expect(before > 1 && after < 0.05)
    let second = try await run(["calibrate", "emulated:oculus-dk2", "--seed", "7"], in: folder)
    #expect(second.code != 0 && second.errors.contains("the active one stays"))
  }

  @Test func clockBenchPrintsItsCases() async throws {
    let result = try await run(["bench", "clock"], in: try TestPaths.temporaryFolder())
    #expect(result.code == 0 && result.output.contains("250 Hz"))
  }
}

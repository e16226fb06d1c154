import Foundation
import SessionTools
import Spatial
import TestSupport
import Testing

/// What a EuRoC folder holds is read, or refused with its position; nothing shifts and nothing is guessed.
struct EuRoCReadingTests {
  private let root: String
  private static let samples = "#timestamp [ns],w_x [rad s^-1],w_y,w_z,a_x,a_y,a_z"
  private static let states = "#timestamp,p_x,p_y,p_z,q_w,q_x,q_y,q_z,v_x,v_y,v_z"

  init() throws { root = try TestPaths.temporaryFolder() }

  private func write(_ lines: [String], _ file: String) throws -> EuRoCFolder {
    try write(Data((lines.joined(separator: "\n") + "\n").utf8), file)
  }

  private func write(_ data: Data, _ file: String) throws -> EuRoCFolder {
    let path = "\(root)/mav0/\(file)"
    try FileManager.default.createDirectory(
      atPath: URL(fileURLWithPath: path).deletingLastPathComponent().path, withIntermediateDirectories: true)
    try data.write(to: URL(fileURLWithPath: path))
    return EuRoCFolder(root: root)
  }

  private func message(_ body: () throws -> Void) -> String {
    do { try body() } catch { return "\(error)" }
    return ""
  }

  @Test func anEmptyCellShiftsNoColumn() throws {
    // The temperature behind the columns that are read may be missing.
    let folder = try write(
      [Self.samples + ",temperature", "1,0.1,0.2,0.3,1,2,3,", "2, 0.1,\"0.2\",0.3,1,2,3,36.5\r"],
      "imu0/data.csv")
    let samples = try folder.samples()
    #expect(samples.map(\.rate) == [Vector3(0.1, 0.2, 0.3), Vector3(0.1, 0.2, 0.3)])
    #expect(samples.map(\.force) == [Vector3(1, 2, 3), Vector3(1, 2, 3)])
    _ = try write([Self.samples, "1,0.1,,0.3,1,2,3,36.5"], "imu0/data.csv")
    let text = message { _ = try folder.samples() }
    #expect(text.contains("imu0/data.csv:2:7: column 3: the cell is empty"), "\(text)")
  }

  @Test func statesKeepTheirColumns() throws {
    let file = "state_groundtruth_estimate0/data.csv"
    let folder = try write([Self.states, "5,1,2,3,0.96,0,0.28,0,0.1,0.2,0.3"], file)
    let state = try #require(try folder.states().first)
    #expect(state.pose.position == Vector3(1, 2, 3) && state.velocity == Vector3(0.1, 0.2, 0.3))
    #expect(state.pose.orientation == Quaternion(x: 0, y: 0.28, z: 0, w: 0.96))
    for (line, position) in [
      ("5,1,,3,0.96,0,0.28,0,0.1,0.2,0.3", ":2:5: column 3"), ("5,1,2,3,nan,0,0.28,0", ":2:9: column 5"),
      ("5,1,2,3,0.96,0,0.28,0,0.1,inf,0.3", ":2:27: column 10"), ("5,1,2,3,0.96,0,0.28,0,,,", "column 9"),
    ] {
      _ = try write([Self.states, line], file)
      let text = message { _ = try folder.states() }
      #expect(text.contains(position), "\(line): \(text)")
    }
  }

  @Test func otherEncodingsAndUnitsAreNamed() throws {
    let header = Array(Self.samples.utf8) + [0xB0, 0x0A] + Array("1,0,0,0,0,9.8,0\n".utf8)
    let folder = try write(Data(header), "imu0/data.csv")
    #expect(message { _ = try folder.samples() }.contains("data.csv:1: a character is not UTF-8"))
    let utf16 = try #require((Self.samples + "\n1,0,0,0,0,9.8,0\n").data(using: .utf16LittleEndian))
    for bytes in [Data([0xFF, 0xFE]) + utf16, utf16] {
      _ = try write(bytes, "imu0/data.csv")
      #expect(message { _ = try folder.samples() }.contains("UTF-16"))
    }
    _ = try write(
      Data([0xEF, 0xBB, 0xBF] + Array((Self.samples + "\n1,0,0,0,0,9.8,0\n").utf8)), "imu0/data.csv")
    #expect(try folder.samples().count == 1)
    _ = try write(["#timestamp [ns],w_RS_S_x [°/s],w_y,w_z,a_x,a_y,a_z", "1,0,0,0,0,9.8,0"], "imu0/data.csv")
    #expect(message { _ = try folder.samples() }.contains("rad/s"))
    _ = try write([Self.samples, "1,\"0,0,0,0,9.8,0"], "imu0/data.csv")
    #expect(message { _ = try folder.samples() }.contains(":2:3: a quoted cell is not closed"))
  }

  @Test func posesAreReadInEveryStyleOfYAML() throws {
    let numbers = ["0", "-1", "0", "0.5", "1", "0", "0", "-0.25", "0", "0", "1", "2", "0", "0", "0", "1"]
    let rows = stride(from: 0, to: 16, by: 4).map { numbers[$0..<($0 + 4)].joined(separator: ", ") }
    let flat = numbers.joined(separator: ", ")
    let styles = [
      "T_BS:\n  cols: 4\n  rows: 4\n  data: [\(flat)]", "T_BS: {cols: 4, rows: 4, data: [\(flat)]}",
      "T_BS:\n  rows: 4\n  data:\n" + numbers.map { "    - \($0)" }.joined(separator: "\n"),
      "T_BS:\n" + rows.map { "  - [\($0)]" }.joined(separator: "\n"),
      "%YAML:1.0\n---\nT_BS: !!opencv-matrix\n  rows: 4\n  cols: 4\n  dt: d\n  data: [\(flat)]",
      "T_BS:\n  data :   [ \(rows.joined(separator: ",\n            ")) ]",
    ]
    for style in styles {
      let folder = try write(["sensor_type: imu", style].reversed(), "imu0/sensor.yaml")
      let pose = try #require(try folder.deviceFromIMU(), "\(style)")
      #expect((pose.position - Vector3(0.5, -0.25, 2)).length < 1e-12, "\(style)")
      #expect((pose.orientation.rotate(Vector3(1, 0, 0)) - Vector3(0, 1, 0)).length < 1e-9, "\(style)")
    }
    for wrong in [
      "T_BS: [1, 2]", "T_BS: {rows: 4}", "T_BS: identity", "T_BS: [\(flat.replacing("0.5", with: "x"))]",
      "T_BS: [",
      "T_BS: [\((0..<16).map { _ in "7" }.joined(separator: ", "))]",
    ] {
      let folder = try write([wrong], "imu0/sensor.yaml")
      let text = message { _ = try folder.deviceFromIMU() }
      #expect(text.contains("sensor.yaml:"), "\(wrong): \(text)")
    }
    #expect(try write(["rate_hz: 200"], "imu0/sensor.yaml").deviceFromIMU() == nil)
  }
}

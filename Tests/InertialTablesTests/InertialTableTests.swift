import Foundation
import Spatial
import Testing
import Tracking

@testable import InertialTables

struct InertialTableTests {
  private func table(_ text: String) throws -> InertialTable {
    try InertialTable(NumericTable(bytes: Array(text.utf8), file: "in.csv"))
  }

  @Test func columnsComeInAnyOrderWithTheirUnits() throws {
    let table = try table(
      "\u{feff}az_g,gx_deg_s,t_ms,gy_dps,gz [°/s],ax [m/s²],ay_m_s2,note,mx_gauss,my_uT,mz [µT]\r\n"
        + "1,90,0,0,-180,0.5,0.25,7,0.2,-1,40\r\n1,90,5,0,0,0,0,7,0.2,1,1\r\n\r\n")
    #expect(table.rows.count == 2 && table.hasField)
    #expect(table.rows[1].time == 0.005)
    #expect((table.rows[0].rate - Vector3(.pi / 2, 0, -.pi)).length < 1e-12)
    #expect((try #require(table.rows[0].force) - Vector3(0.5, 0.25, standardGravity)).length < 1e-12)
    #expect((try #require(table.rows[0].field) - Vector3(20, -1, 40)).length < 1e-12)
  }

  @Test(arguments: [
    ("", "empty"), ("1,2,3\n4,5,6\n", "names"), ("t_s,gx,gy,gz,ax,ay\n", "az"),
    ("t_s,gx_mph,gy,gz,ax,ay,az\n", "'mph'"), ("t,gx,gy,gz,ax,ay,az,mx\n0,0,0,0,0,0,9,1\n", "only mx"),
    ("t,gx,gy,gz,ax,ay,az\n0,0,0,0,0,0\n", "in.csv:2: 6 fields"),
    ("t,gx,gy,gz,ax,ay,az\n0,0,0,0,0,0,9\n1,x,0,0,0,0,9\n", "in.csv:3:3: 'x' in column 'gx'"),
    ("t,gx,gx,gz,ax,ay,az\n", "twice"), ("t,gx,gy,gz,ax,ay,az\n0,0,0,0,0,0,9\n", "two samples"),
    ("t,gx,gy,gz,ax,ay,az\n,0,0,0,0,0,9\n0,0,0,0,0,0,9\n", "time"),
  ])
  func faultsNameTheirPlace(_ text: String, _ expected: String) {
    #expect { try self.table(text) } throws: { "\($0)".contains(expected) }
  }

  @Test func otherEncodingsAreNamedAndQuotesAreRead() throws {
    func message(_ bytes: [UInt8]) -> String {
      do { _ = try NumericTable(bytes: bytes, file: "in.csv") } catch { return "\(error)" }
      return ""
    }
    #expect(
      message(Array("t,gx [".utf8) + [0xB0, 0x0A] + Array("1,2\n".utf8)).contains(
        "in.csv:1: a character is not UTF-8"))
    #expect(message(Array("t,gx\n1,2\n3,".utf8) + [0xE9, 0x0A]).contains("in.csv:3:"))
    #expect(message([0xFF, 0xFE] + "t,gx\n1,2\n".utf8.flatMap { [$0, 0] }).contains("UTF-16"))
    let table = try NumericTable(bytes: Array("\"t\", \"a,b\"\r\n1, \"2.5\"\r\n,3\r\n".utf8), file: "in.csv")
    #expect(table.columns == ["t", "a,b"] && table.values[1] == [2.5, 3] && table.values[0][1].isNaN)
  }

  @Test func aFileThatCannotBeReadSaysWhy() {
    for (path, reason) in [
      ("/tmp", "Is a directory; name a file in it"), ("/nonexistent.csv", "No such file"),
    ] {
      #expect { try NumericTable.read(path: path) } throws: {
        "\($0)".contains("\(path): can't be read: \(reason)")
      }
    }
  }

  @Test func eachRowGetsAPoseWhateverIsMissing() throws {
    var text = "t_s,gx,gy,gz,ax,ay,az\n"
    for index in 0..<400 {
      let time = Double(index % 50 == 7 ? index - 1 : index) * 0.01
      text += index % 37 == 5 ? "\(time),,,,,,\n" : "\(time),0.1,0,0,0,9.8,0\n"
    }
    let table = try table(text)
    for offline in [false, true] {
      let track = OrientationTrack(table, offline: offline)
      #expect(track.rows.count == 400)
      #expect(track.skipped > 8)
      #expect(track.rows.allSatisfy { $0.worldFromUnit.isFinite && $0.bias.isFinite })
      let again = try NumericTable(bytes: Array(track.csv().utf8), file: "out.csv")
      #expect(again.columns.prefix(5) == ["t_s", "qx", "qy", "qz", "qw"] && again.rowCount == 400)
    }
  }

  @Test func settingsComeFromYAMLAndStrangeOnesAreRefused() throws {
    let read = try EstimatorSettings(yaml: "bias_walk: 1.0e-4\nfield_spread_uT: 5\n", file: "f.yaml")
    let settings = try #require(read.orientationSettings)
    #expect(settings.biasWalk == 1e-4 && settings.fieldSpread == 5)
    #expect(throws: (any Error).self) { try EstimatorSettings(yaml: "bias_wlak: 1\n", file: "f.yaml") }
    #expect(throws: (any Error).self) {
      try EstimatorSettings(yaml: "rest_duration_s: -1\n", file: "f.yaml")
    }
  }

  @Test func theEstimatorComesFromYAMLToo() throws {
    let settings = try EstimatorSettings(
      yaml: "proportional_gain_per_s: 0.5\nestimator: complementary\n", file: "f.yaml")
    #expect(settings.estimator == "complementary" && settings["proportional_gain_per_s"] == 0.5)
    #expect(settings.orientationSettings == nil)
    // A setting of another estimator, and an unknown estimator: with position and what is allowed.
    #expect {
      try EstimatorSettings(yaml: "estimator: complementary\nbias_walk: 1\n", file: "f.yaml")
    } throws: { error in
      "\(error)".contains("f.yaml:2") && "\(error)".contains("integral_gain_per_s2")
    }
    #expect {
      try EstimatorSettings(yaml: "estimator: mahony\n", file: "f.yaml")
    } throws: { error in
      "\(error)".contains("f.yaml:1") && OrientationEstimators.names.allSatisfy { "\(error)".contains($0) }
    }
    // The track is that of the chosen estimator.
    var text = "t_s,gx_rad_s,gy_rad_s,gz_rad_s,ax_m_s2,ay_m_s2,az_m_s2\n"
    for index in 0..<400 { text += "\(Double(index) * 0.01),0.1,0,0.05,1,9.7,0\n" }
    let table = try table(text)
    let track = OrientationTrack(table, settings: settings)
    #expect(track.rows.count == 400 && track.rows.allSatisfy { $0.worldFromUnit.isFinite })
    #expect(track.rows.last?.worldFromUnit != OrientationTrack(table).rows.last?.worldFromUnit)
  }
}

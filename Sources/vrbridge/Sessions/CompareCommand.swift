import ArgumentParser
import Bridge
import CommandSupport
import Foundation
import Imaging
import MCAP
import SessionLog
import SessionTools

struct CompareCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Compare two sessions, device by device.",
    discussion: discussion(
      """
      Compares states of the same device and capture time. Exit status 0 when all poses are equal, 1 when they differ, 2 \
      when nothing could be compared or a session can't be read whole.
      """,
      examples: "vrbridge compare first.mcap second.mcap --plot difference.png"))

  @Argument(help: "First session (.mcap).", completion: .session)
  var first: String

  @Argument(help: "Second session (.mcap).", completion: .session)
  var second: String

  @Flag(help: "Print one JSON object.")
  var json = false

  @Option(
    help: ArgumentHelp(
      "Plot the differences over time to this PNG file (default: none).", valueName: "out.png"),
    completion: .file())
  var plot: String?

  func run() async throws {
    let comparison = try SessionErrors.naming("compare") { try SessionComparison(first, second) }
    for (file, faults) in [(first, comparison.firstFaults), (second, comparison.secondFaults)] {
      SessionErrors.list(faults, of: file)
    }
    guard comparison.common > 0 else {
      throw CommandError(
        "nothing-in-common",
        "\(first) and \(second) have no states of the same device and capture time; compare a session with its copy, or with one that 'vrbridge replay --with' computed from it"
      )
    }
    if json { printJSON(comparison) } else { printTable(comparison) }
    if let plot { try picture(comparison).write(to: plot) }
    if !comparison.firstFaults.isEmpty || !comparison.secondFaults.isEmpty { throw ExitCode.couldNot }
    if !comparison.isEqual { throw ExitCode.differs }
  }

  private func printTable(_ comparison: SessionComparison) {
    print(
      "device    states        common   turn deg rms/p99/max     tilt deg rms/p99/max     position mm rms/p99/max   latency ms p99"
    )
    func spread(_ s: SessionComparison.Spread, of count: Int) -> String {
      count == 0
        ? "      –       –       –" : String(format: "%7.3f %7.3f %7.3f", s.rms, s.p99, s.max)
    }
    for device in comparison.devices {
      print(
        "\(Terminal.padLeft(String(device.number), 6))  \(Terminal.pad("\(device.first)/\(device.second)", 14))"
          + "\(Terminal.padLeft(String(device.common), 7)) \(spread(device.orientation, of: device.common))  "
          + "\(spread(device.inclination, of: device.common))  \(spread(device.position, of: device.common))  "
          + String(format: "%6.2f/%.2f", device.firstLatency.p99, device.secondLatency.p99))
    }
    print("dropped records: \(comparison.firstLost) and \(comparison.secondLost)")
  }

  private func printJSON(_ comparison: SessionComparison) {
    struct Spread: Encodable {
      var rms: Double
      var p99: Double
      var max: Double
      init(_ s: SessionComparison.Spread) { (rms, p99, max) = (s.rms, s.p99, s.max) }
    }
    struct Device: Encodable {
      var device: UInt32
      var states: [Int]
      var common: Int
      var equal: Bool
      /// Nil without common states.
      var orientation: Nullable<Spread>
      var inclination: Nullable<Spread>
      var position: Nullable<Spread>
      var latency: [Spread]

      enum CodingKeys: String, CodingKey {
        case device, states, common, equal
        case orientation = "orientation_deg"
        case inclination = "inclination_deg"
        case position = "position_mm"
        case latency = "latency_ms"
      }
    }
    struct Output: Encodable {
      var devices: [Device]
      var dropped: [UInt64]
    }
    let output = Output(
      devices: comparison.devices.map { device in
        func spread(_ value: SessionComparison.Spread) -> Nullable<Spread> {
          Nullable(device.common > 0 ? Spread(value) : nil)
        }
        return Device(
          device: device.number, states: [device.first, device.second], common: device.common,
          equal: device.isEqual, orientation: spread(device.orientation),
          inclination: spread(device.inclination), position: spread(device.position),
          latency: [Spread(device.firstLatency), Spread(device.secondLatency)])
      }, dropped: [comparison.firstLost, comparison.secondLost])
    print(JSONLine.pretty(output))
  }

  private func picture(_ comparison: SessionComparison) -> LinePlot {
    LinePlot(
      panels: comparison.devices.filter { !$0.curve.isEmpty }.prefix(6).map { device in
        LinePlot.Panel(
          "device \(device.number): difference of orientation, degrees",
          [LinePlot.Curve(colour: .blue, points: device.curve.map { ($0.time, $0.angle) })])
      }, note: "\(first) and \(second)")
  }
}

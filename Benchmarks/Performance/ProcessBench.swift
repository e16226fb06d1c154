import BridgeClient
import CLinux
import Foundation
import Sensing
import Spatial

/// Measures the daemon as a process: time to the first pose, and resident memory.
enum ProcessBench {
  /// This program's file.
  static var program: URL { URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath() }

  struct Result {
    var text: String
    var residentMegabytes: Double
    var values: [String: Double]
  }

  static func run(starts: Int) throws -> Result {
    var times = Histogram()
    var resident = 0.0
    for index in 0..<starts {
      let path = "/tmp/vrb-bench-\(getpid())/p\(index)"
      let process = Process()
      process.executableURL = program.deletingLastPathComponent().appendingPathComponent("vrbridge")
      process.arguments = ["run", "--no-hardware", "--demo", "--socket", path, "--log-level", "critical"]
      let begin = linux_monotonic_ns()
      try process.run()
      var reader: PosePageReader?
      while linux_monotonic_ns() - begin < 10_000_000_000 {
        if reader == nil { reader = try? PosePageReader(path: path) }
        if let reader, let slot = reader.slot(of: .head), reader.newest(slot: slot) != nil { break }
      }
      times.add(linux_monotonic_ns() - begin)
      if index == starts - 1 {
        Thread.sleep(forTimeInterval: 2)
        let status =
          (try? String(contentsOfFile: "/proc/\(process.processIdentifier)/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS") } ?? ""
        resident = (Double(line.filter(\.isNumber)) ?? 0) / 1024
      }
      process.terminate()
      process.waitUntilExit()
    }
    let text = String(
      format:
        "Start of the process to first pose in the page: median %.0f ms, worst of %d %.0f ms\nResident memory with three devices: %.0f MB",
      Double(times.percentile(0.5)) * 1e-6, starts, Double(times.percentile(1)) * 1e-6, resident)
    return Result(
      text: text, residentMegabytes: resident,
      values: [
        "start_p50_ms": Double(times.percentile(0.5)) * 1e-6,
        "start_max_ms": Double(times.percentile(1)) * 1e-6, "resident_mb": resident,
      ])
  }
}

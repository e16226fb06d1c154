import CLinux
import Diagnostics
import Foundation
import Glibc

/// Returns the metadata of a recording that is made now on this machine: version, host, kernel and clocks.
func hostInformation() -> [String: String] {
  var name = utsname()
  uname(&name)
  func text<Tuple>(_ tuple: Tuple) -> String {
    withUnsafeBytes(of: tuple) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
  var now = timespec()
  clock_gettime(CLOCK_REALTIME, &now)
  let monotonic = linux_monotonic_ns()
  let realtime = Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
  return [
    "library": "vrbridge \(ProductVersion.text)", "version": ProductVersion.text, "format": "1",
    "host": text(name.nodename), "kernel": "\(text(name.sysname)) \(text(name.release))",
    "machine": text(name.machine), "started": ISO8601DateFormatter().string(from: Date()),
    "started_ns": String(monotonic), "realtime_offset_ns": String(realtime - monotonic),
  ]
}

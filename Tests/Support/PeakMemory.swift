import CLinux
import Foundation
import Glibc

/// The highest resident memory of this process during one piece of work.
///
/// Memory that was freed by the time the work ends counts too; a difference of `VmRSS` before and after does not show it.
public enum PeakMemory {
  public struct UnmeasuredError: Error, CustomStringConvertible {
    public let description = "the kernel does not reset the peak of memory (/proc/self/clear_refs)"
  }

  /// Makes the present resident memory the peak (proc_pid_clear_refs(5)).
  ///
  /// - Returns: the resident memory in bytes.
  public static func reset() throws -> Int {
    // Pages that earlier work freed would let this one grow unseen.
    linux_return_memory()
    let file = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC)
    defer { close(file) }
    guard file >= 0, write(file, "5", 1) == 1, let peak = Self.peak else { throw UnmeasuredError() }
    return peak
  }

  /// Bytes; nil where the kernel has no such number.
  public static var peak: Int? {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    return line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }.map { $0 << 10 }
  }

  /// Bytes by which the peak exceeds the memory at the start.
  public static func growth(since start: Int) throws -> Int {
    guard let peak else { throw UnmeasuredError() }
    return peak - start
  }
}

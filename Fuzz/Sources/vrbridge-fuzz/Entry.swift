import Foundation
import FuzzTargets

/// `FUZZ_TARGET` names the target; `make fuzz` runs all of them for a bounded time.
private let target =
  FuzzTarget(rawValue: ProcessInfo.processInfo.environment["FUZZ_TARGET"] ?? "") ?? .decoder

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = bytes.map { Array(UnsafeBufferPointer(start: $0, count: count)) } ?? []
  // libFuzzer reports a finding when the process dies.
  do { try target.run(input) } catch { fatalError("\(error)") }
  return 0
}

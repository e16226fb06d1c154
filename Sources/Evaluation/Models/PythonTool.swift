import Foundation
import Inference

/// Runs a Python script of `models/` for training and quantisation, which need libraries that only Python has.
package struct PythonTool {
  /// An interpreter with the libraries; the script lists missing ones.
  package var python: String
  /// Path of the script.
  package var script: String

  package init(python: String, script: String) {
    self.python = python
    self.script = script
  }

  /// Runs the script to its end.
  ///
  /// - Parameters:
  ///   - folder: receives the file `log`.
  ///   - onLine: receives each line of standard output.
  /// - Returns: nil on exit status 0, else the last three lines of standard error.
  package func run(_ arguments: [String], in folder: TemporaryFolder, onLine: (Data) -> Void = { _ in })
    throws
    -> String?
  {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [python, script] + arguments
    let output = Pipe()
    process.standardOutput = output
    let log = folder.file("log")
    try Data().write(to: log)
    let errors = try FileHandle(forWritingTo: log)
    process.standardError = errors
    try process.run()
    var rest = Data()
    while true {
      let data = output.fileHandleForReading.availableData
      if data.isEmpty { break }
      rest.append(data)
      while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
        onLine(Data(rest[rest.startIndex..<end]))
        rest = Data(rest[(end + 1)...])
      }
    }
    process.waitUntilExit()
    if process.terminationReason == .exit, process.terminationStatus == 0 { return nil }
    let text = String(decoding: try Data(contentsOf: log), as: UTF8.self)
    return text.split(separator: "\n").suffix(3).joined(separator: "\n")
  }
}

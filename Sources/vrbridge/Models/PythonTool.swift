import Bridge
import Foundation
import Inference

/// A script of `models/` for what only Python's libraries can do, and only those need who ask for it.
struct PythonTool {
  /// A Python that has the libraries; the script says which are missing.
  var python: String
  var script: String

  /// - Parameters:
  ///   - folder: where its log is put.
  ///   - onLine: each line that it prints.
  /// - Returns: nil when it did its work, else the last of what it complained about.
  func run(_ arguments: [String], in folder: TemporaryFolder, onLine: (Data) -> Void = { _ in }) throws
    -> String?
  {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    let path = URL(fileURLWithPath: Configuration.modelCatalog).deletingLastPathComponent()
      .appendingPathComponent(script).path
    process.arguments = [python, path] + arguments
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

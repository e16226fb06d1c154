import Logging
import MCAP
import Sensing
import SessionLog
import SessionTools
import Spatial

/// Sessions of an emulated IMU that turns.
enum SampleSession {
  /// Writes 200 samples a second.
  static func write(_ path: String, samples: Int = 400, rate: Double = 1) throws {
    let importer = try SessionImporter(output: path, source: "test", log: Logger(label: "test"))
    try importer.add(
      samples: (0..<samples).map { index in
        SessionImporter.Sample(
          captured: Timestamp(nanoseconds: 1_000_000_000 + Int64(index) * 5_000_000),
          rate: Vector3(0.1, rate, 0), force: Vector3(0, 9.81, 0.1))
      }, rate: 200, name: "Test")
    try importer.finish()
  }

  /// Copies a session into chunks of about the given size.
  static func rechunk(_ path: String, to output: String, size: Int) throws {
    var options = MCAPWriter.Options()
    options.library = "vrbridge"
    options.chunkSize = size
    let copier = MCAPCopier(try MCAPWriter(DiskFile(creating: output), options: options))
    try MCAPScanner(InputFile(path: path)).scan { event in
      switch event {
      case .schema(let schema): copier.note(schema)
      case .channel(let channel): copier.note(channel)
      case .message(let message, _): try copier.copy(message)
      case .attachment(let attachment): try copier.writer.write(attachment)
      case .metadata(let metadata): try copier.writer.write(metadata)
      default: break
      }
      return .goOn
    }
    try copier.writer.finish()
  }
}

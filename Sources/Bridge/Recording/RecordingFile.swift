import Diagnostics
import Foundation
import Glibc
import Logging
import SessionLog
import TrackingPipeline

/// Paths of recordings.
enum RecordingFile {
  /// Returns the path of a recording that is started without one: named by the time, in the configured folder.
  static func new(_ configuration: Configuration) -> String {
    let folder =
      configuration.record.value.map { URL(fileURLWithPath: $0.path).deletingLastPathComponent().path }
      ?? configuration.stateFolder + "/recordings"
    try? PrivateFile.createFolder(folder)
    let format = DateFormatter()
    format.locale = Locale(identifier: "en_US_POSIX")
    format.dateFormat = "yyyyMMdd-HHmmss"
    return "\(folder)/\(format.string(from: Date())).mcap"
  }

  /// Starts the recording that the configuration asks for; its path may contain conversions of strftime.
  static func start(_ plan: RecordingPlan?, _ recording: RecordingControl, log: Logger) {
    guard var plan else { return }
    var now = time(nil)
    var parts = tm()
    localtime_r(&now, &parts)
    var buffer = [CChar](repeating: 0, count: 4096)
    // 0 for a name that does not fit, or for an empty one.
    if strftime(&buffer, buffer.count, plan.path, &parts) > 0 {
      plan.path = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
    let folder = URL(fileURLWithPath: plan.path).deletingLastPathComponent()
    try? PrivateFile.createFolder(folder.path)
    do { try recording.start(plan) } catch { log.error("the recording does not begin: \(error.printed)") }
  }
}

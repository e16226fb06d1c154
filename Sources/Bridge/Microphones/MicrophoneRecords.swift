import Foundation
import Sensing
import SessionLog

/// Maps blocks of sound to records of a session.
enum MicrophoneRecords {
  /// Returns the samples, and a log record where samples are missing before them.
  static func of(_ block: AudioBlock) -> [any QueuedRecord] {
    var records: [any QueuedRecord] = [
      AudioRecord(
        samples: block.samples.withUnsafeBytes { Data($0) }, sampleRate: UInt32(AudioBlock.rate),
        channels: 1, microphone: block.microphone, captured: block.captured, received: block.received)
    ]
    if block.lost > 0 {
      records.append(
        LogRecord(
          text: "\(block.lost) samples of the microphone \(block.microphone) are missing", level: .warning,
          name: "microphones", time: block.received))
    }
    return records
  }
}

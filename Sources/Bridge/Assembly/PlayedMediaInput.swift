import Foundation
import Assistant
import CLinux
import Cameras
import Imaging
import Sensing
import SessionLog
import Spatial
import TrackingPipeline

/// Passes media of a played session on as cameras and microphones would, and records it again.
struct PlayedMediaInput: Sendable {
  let recording: RecordingControl
  let cameras: CameraService
  let speech: SpeechService

  func play(_ media: PlayedMedia) {
    recording.submit(media.record)
    // Poses of a played session carry the time of publication; so do its frames and audio.
    func shifted(_ time: Timestamp, received: Timestamp) -> Timestamp {
      time.advanced(byNanoseconds: linux_monotonic_ns() &- received.nanoseconds)
    }
    switch media {
    case .intrinsics(let record): cameras.play(record.model, of: record.camera)
    case .audio(let record):
      guard record.sampleRate == UInt32(AudioBlock.rate), record.channels == 1 else { return }
      var samples = [Int16](repeating: 0, count: record.samples.count / 2)
      _ = samples.withUnsafeMutableBytes { record.samples.copyBytes(to: $0) }
      speech.feed(
        AudioBlock(
          microphone: record.microphone, samples: samples.map { Int16(littleEndian: $0) },
          captured: shifted(record.captured, received: record.received),
          received: shifted(record.received, received: record.received)))
    case .frame(let record):
      guard record.format == "jpeg" else { return }
      cameras.play(
        CameraFrame(
          camera: record.camera, pixels: PixelData(jpeg: Array(record.image)),
          captured: shifted(record.captured, received: record.received),
          received: shifted(record.received, received: record.received)))
    }
  }
}

import Foundation
import MCAP
import Sensing
import Spatial

/// A camera frame in the format that the camera delivered.
public struct FrameRecord: QueuedRecord {
  public var image: Data
  /// `jpeg`, `png` or another format that viewers read.
  public var format: String
  public var camera: String
  public var captured: Timestamp
  public var received: Timestamp

  public init(image: Data, format: String, camera: String, captured: Timestamp, received: Timestamp) {
    self.image = image
    self.format = format
    self.camera = camera
    self.captured = captured
    self.received = received
  }

  public var stream: RecordedStream { .camera }
  public var byteCount: Int { image.count + 64 }

  public func write(to file: RecordingFile) throws(OutputError) {
    try file.writer.write(
      image: image, format: format, camera: camera, captured: captured, received: received)
  }
}

/// The intrinsics, distortion and mount of a camera; a file holds each change once.
public struct IntrinsicsRecord: QueuedRecord {
  public var model: CameraModel
  public var camera: String
  public var time: Timestamp

  public init(model: CameraModel, camera: String, time: Timestamp) {
    self.model = model
    self.camera = camera
    self.time = time
  }

  public var stream: RecordedStream { .camera }
  public var byteCount: Int { 1024 }

  public func write(to file: RecordingFile) throws(OutputError) {
    try file.write(model, camera: camera, at: time)
  }
}

/// A block of audio.
public struct AudioRecord: QueuedRecord {
  /// Signed 16-bit little-endian samples, channels interleaved.
  public var samples: Data
  /// Hz.
  public var sampleRate: UInt32
  public var channels: UInt32
  public var microphone: String
  public var captured: Timestamp
  public var received: Timestamp

  public init(
    samples: Data, sampleRate: UInt32, channels: UInt32, microphone: String, captured: Timestamp,
    received: Timestamp
  ) {
    self.samples = samples
    self.sampleRate = sampleRate
    self.channels = channels
    self.microphone = microphone
    self.captured = captured
    self.received = received
  }

  public var stream: RecordedStream { .microphone }
  public var byteCount: Int { samples.count + 64 }

  public func write(to file: RecordingFile) throws(OutputError) {
    try file.writer.write(
      audio: samples, sampleRate: sampleRate, channels: channels, microphone: microphone, captured: captured,
      received: received)
  }
}

import Sensing
import Cameras
import Foundation
import SessionLog
import Spatial
import TrackingPipeline

extension RecordingControl: FrameRecorder {
  public var recordsFrames: Bool { records(.camera) }

  public func record(_ model: CameraModel, of camera: String, at time: Timestamp) {
    submit(IntrinsicsRecord(model: model, camera: camera, time: time))
  }

  public func record(_ frame: CameraFrame, jpeg: [UInt8]) {
    submit(
      FrameRecord(
        image: Data(jpeg), format: "jpeg", camera: frame.camera, captured: frame.captured,
        received: frame.received))
  }
}

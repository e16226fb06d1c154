import Cameras
import Foundation
import LiveState
import Sensing
import SessionLog
import Spatial
import SwiftProtobuf

/// Publishes the topics of a session from the running bridge.
struct FoxgloveFeed: Sendable {
  let state: any BridgeState
  let hub: FoxgloveHub
  /// Poses per second and device.
  let rate: Double

  /// Publishes until its task is cancelled.
  func run() async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await poses() }
      group.addTask { await metrics() }
      group.addTask { await annotations() }
      group.addTask { await frames() }
    }
  }

  private func publish(_ message: some SwiftProtobuf.Message, on topic: SessionTopic, at time: Timestamp) {
    // Every message here has only fields that can always be encoded.
    hub.publish((try? message.serializedBytes()) ?? [], on: topic, time: time.nanoseconds)
  }

  private func poses() async {
    var sent: [DeviceID: Int64] = [:]
    while !Task.isCancelled {
      try? await Task.sleep(for: .seconds(1 / rate))
      guard hub.clientCount > 0 else { continue }
      let now = state.now
      hub.publish(time: now.nanoseconds)
      for device in state.devices where device.isConnected {
        guard let state = state.state(of: device), state.captured.nanoseconds != sent[device.id] else {
          continue
        }
        sent[device.id] = state.captured.nanoseconds
        let id = device.id.number
        publish(SessionWriter.transform(state, device: id), on: .transforms, at: now)
        if device.role == .head {
          // Annotations and cameras are anchored to this frame.
          var head = SessionWriter.transform(state, device: id)
          head.childFrameID = "head"
          publish(head, on: .transforms, at: now)
        }
        if hub.isRead(.pose(device: id)) {
          publish(SessionWriter.pose(state), on: .pose(device: id), at: now)
        }
        if hub.isRead(.state(device: id)) {
          hub.publish(
            SessionWriter.stateBytes(state), on: .state(device: id), time: now.nanoseconds)
        }
      }
    }
  }

  private func metrics() async {
    var logged = state.channels.log.lines(after: 0).last?.number ?? 0
    while !Task.isCancelled {
      hub.advertise([.transforms, .scene, .speech, .log])
      let devices = state.devices
      for id in devices.map(\.id.number) {
        hub.advertise([.pose(device: id), .state(device: id), .figures(device: id)])
      }
      let now = state.now
      for device in devices where hub.isRead(.figures(device: device.id.number)) {
        publish(
          Vrbridge_Session_Figures(device.health, at: now), on: .figures(device: device.id.number), at: now)
      }
      for line in state.channels.log.lines(after: logged) {
        logged = line.number
        publish(
          Foxglove_Log.with {
            $0.timestamp = now.protobuf
            $0.level =
              switch line.level {
              case "warning": .warning
              case "error": .error
              case "critical": .fatal
              default: .info
              }
            $0.message = line.text
            $0.name = "vrbridge"
          }, on: .log, at: now)
      }
      try? await Task.sleep(for: .milliseconds(500))
    }
  }

  private func annotations() async {
    for await new in state.channels.annotations.subscribe() {
      guard hub.clientCount > 0 else { continue }
      for record in AnnotationRecord.all(of: new, color: state.color) {
        switch record.content {
        case .image(let message, let camera):
          hub.advertise([.imageAnnotations(camera: camera)])
          publish(message, on: .imageAnnotations(camera: camera), at: record.time)
        case .scene(let message): publish(message, on: .scene, at: state.now)
        case .speech(let message): publish(message, on: .speech, at: state.now)
        }
      }
    }
  }

  private func frames() async {
    let feed = state.frames()
    await withTaskCancellationHandler {
      while let frame = await feed.next() {
        let camera = frame.camera
        hub.advertise([.image(camera: camera), .cameraCalibration(camera: camera)])
        let isWanted = hub.isRead(.image(camera: camera))
        if isWanted || hub.isRead(.cameraCalibration(camera: camera)) { publishCalibration(of: frame) }
        guard isWanted, let jpeg = try? frame.jpeg(quality: 80) else { continue }
        publish(
          Foxglove_CompressedImage.with {
            $0.timestamp = frame.captured.protobuf
            $0.frameID = camera
            $0.data = Data(jpeg)
            $0.format = "jpeg"
          }, on: .image(camera: camera), at: frame.captured)
      }
    } onCancel: {
      state.unsubscribe(feed)
    }
  }

  /// Publishes the camera's intrinsics, and its pose at the time of the frame.
  private func publishCalibration(of frame: CameraFrame) {
    guard let model = state.model(of: frame.camera, width: frame.width, height: frame.height) else { return }
    publish(
      CameraMessages.calibration(model, camera: frame.camera, at: frame.captured),
      on: .cameraCalibration(camera: frame.camera), at: frame.captured)
    guard let head = frame.worldFromHead else { return }
    publish(
      CameraMessages.transform(
        head * model.headFromCamera, parent: "world", camera: frame.camera, at: frame.captured),
      on: .transforms, at: frame.captured)
  }
}

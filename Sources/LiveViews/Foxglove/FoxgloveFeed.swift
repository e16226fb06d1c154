import Bridge
import BridgeProtocol
import Cameras
import Foundation
import Sensing
import SessionLog
import Spatial
import SwiftProtobuf

/// Makes what viewers are shown: a session's topics, from the running bridge.
struct FoxgloveFeed: Sendable {
  let source: LiveSource
  let hub: FoxgloveHub
  /// Poses a second and device.
  let rate: Double

  /// Until its task is cancelled.
  func run() async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await poses() }
      group.addTask { await figures() }
      group.addTask { await annotations() }
      group.addTask { await frames() }
    }
  }

  private func publish(_ message: some SwiftProtobuf.Message, on topic: SessionTopic, at time: Timestamp) {
    // Every message here has only fields that can always be written.
    hub.publish((try? message.serializedBytes()) ?? [], on: topic, time: time.nanoseconds)
  }

  private func poses() async {
    var sent: [UInt32: Int64] = [:]
    while !Task.isCancelled {
      try? await Task.sleep(for: .seconds(1 / rate))
      guard hub.clientCount > 0 else { continue }
      let now = source.now
      hub.publish(time: now.nanoseconds)
      for device in source.devices where device.connected {
        guard let state = source.state(of: device), state.captured.nanoseconds != sent[device.deviceID] else {
          continue
        }
        sent[device.deviceID] = state.captured.nanoseconds
        let id = device.deviceID
        publish(SessionWriter.transform(state, device: id), on: .transforms, at: now)
        if device.role == .head {
          // What is seen is placed relative to it.
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

  private func figures() async {
    var logged = source.log.lines(after: 0).last?.number ?? 0
    while !Task.isCancelled {
      hub.advertise([.transforms, .scene, .speech, .log])
      for device in source.devices {
        let id = device.deviceID
        hub.advertise([.pose(device: id), .state(device: id), .figures(device: id)])
      }
      let now = source.now
      for (device, figures) in source.figures where hub.isRead(.figures(device: device)) {
        publish(figures, on: .figures(device: device), at: now)
      }
      for line in source.log.lines(after: logged) {
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
    for await new in source.annotations.subscribe() {
      guard hub.clientCount > 0 else { continue }
      for record in LiveSource.records(of: new) {
        switch record {
        case .imageAnnotations(let message, let camera, let time):
          hub.advertise([.imageAnnotations(camera: camera)])
          publish(message, on: .imageAnnotations(camera: camera), at: time)
        case .scene(let message, _): publish(message, on: .scene, at: source.now)
        case .speech(let message, _): publish(message, on: .speech, at: source.now)
        default: break
        }
      }
    }
  }

  private func frames() async {
    let feed = source.frames()
    await withTaskCancellationHandler {
      while let frame = await feed.next() {
        let camera = frame.camera
        hub.advertise([.image(camera: camera), .cameraCalibration(camera: camera)])
        let isWanted = hub.isRead(.image(camera: camera))
        let isLensWanted = hub.isRead(.cameraCalibration(camera: camera))
        if isLensWanted || isWanted { lens(frame) }
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
      source.unsubscribe(feed)
    }
  }

  /// How the camera sees, and where it was.
  private func lens(_ frame: CameraFrame) {
    guard let model = source.model(of: frame.camera, width: frame.width, height: frame.height) else { return }
    publish(
      CameraLens.calibration(model, camera: frame.camera, at: frame.captured),
      on: .cameraCalibration(camera: frame.camera), at: frame.captured)
    guard let head = frame.worldFromHead else { return }
    publish(
      CameraLens.transform(
        head * model.headFromCamera, parent: "world", camera: frame.camera, at: frame.captured),
      on: .transforms, at: frame.captured)
  }
}

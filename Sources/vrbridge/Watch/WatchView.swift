import BridgeClient
import BridgeProtocol
import CLinux
import CommandSupport
import Foundation
import Glibc
import Sensing
import Spatial
import Synchronization

/// Shows poses and annotations of a bridge: as a table that is redrawn, or as lines of JSON.
final class WatchView: Sendable {
  /// What the table shows beside devices and annotations: addresses at its head, the newest messages at its end.
  typealias Surroundings = (addresses: [String], messages: @Sendable () -> [String])

  private struct Row {
    var device: DeviceStatus?
    var pose: Vrbridge_V1_Pose?
    var count = 0
    var rate = 0.0
  }
  private struct State {
    var rows: [UInt32: Row] = [:]
    var annotations: [UInt64: Vrbridge_V1_Annotation] = [:]
    var recording: Vrbridge_V1_RecordingStatus?
    var connection = ""
    var dropped: UInt64 = 0
    var lines = 0
    var remaining: Int?
    var lastRateTime: Int64 = 0
    var isEnded = false
  }
  private let state: Mutex<State>
  private let clients = Mutex<[BridgeClient]>([])
  private let socket: String?
  private let json: Bool
  private let roles: [DeviceRole]
  private let rate: Double
  private let showsAnnotations: Bool
  private let surroundings: Surroundings
  private let end = DispatchSemaphore(value: 0)

  init(
    socket: String?, json: Bool, roles: [DeviceRole], rate: Double, count: Int? = nil,
    annotations: Bool = true, surroundings: Surroundings = ([], { [] })
  ) {
    showsAnnotations = annotations
    self.surroundings = surroundings
    self.socket = socket
    self.json = json
    self.roles = roles
    self.rate = rate
    state = Mutex(State(remaining: count))
  }

  func start() {
    // Every pose is counted for the rate; the table is drawn from the newest.
    var subscription = BridgeClient.Subscription(
      streams: [.poses, .devices], roles: roles, maximumRate: rate, policy: .dropOldest, depth: 16_384)
    if showsAnnotations { subscription.optionalStreams = [.annotations, .speech] }
    let client = BridgeClient(path: socket, name: "vrbridge watch", subscription: subscription) { [self] in
      handle($0)
    }
    clients.withLock { $0.append(client) }
    client.start()
    if !json {
      Terminal.write(Terminal.isInteractive ? Terminal.sequence("[?25l") : "")
      let thread = Thread { [self] in
        while !state.withLock({ $0.isEnded }) {
          draw()
          refreshDevices()
          usleep(Terminal.isInteractive ? 100_000 : 1_000_000)
        }
      }
      thread.start()
    }
  }

  func stop() {
    for client in clients.withLock({ $0 }) { client.stop() }
    finish()
  }

  /// Blocks until the view ends.
  func wait() { end.wait() }

  private func finish() {
    let isFirst = state.withLock { state -> Bool in
      defer { state.isEnded = true }
      return !state.isEnded
    }
    guard isFirst else { return }
    if !json, Terminal.isInteractive { Terminal.write(Terminal.sequence("[?25h") + "\n") }
    end.signal()
  }

  private func handle(_ event: BridgeClient.Event) {
    switch event {
    case .connected(let welcome): state.withLock { $0.connection = welcome.server }
    case .disconnected(let error): state.withLock { $0.connection = "waiting: \(error)" }
    case .goodbye: state.withLock { $0.connection = "the bridge went down; waiting for it" }
    case .devices(let devices):
      state.withLock { state in
        for device in devices { state.rows[device.id.number, default: Row()].device = device }
      }
    case .device(let event):
      guard let device = event.device else { return }
      state.withLock { $0.rows[device.id.number, default: Row()].device = device }
    case .controls: break
    case .annotations(let annotations, _): take(annotations)
    case .poses(let poses, let dropped): take(poses, dropped)
    }
  }

  private func take(_ annotations: [Vrbridge_V1_Annotation]) {
    let now = linux_monotonic_ns()
    if json {
      let lines = annotations.map { AnnotationLine.text($0, seen: now) + "\n" }.joined()
      Terminal.write(lines)
      return
    }
    state.withLock { state in
      for annotation in annotations { state.annotations[annotation.id] = annotation.ended ? nil : annotation }
    }
  }

  private func take(_ poses: [Vrbridge_V1_Pose], _ dropped: UInt64) {
    var lines = ""
    let isDone = state.withLock { state -> Bool in
      state.dropped += dropped
      for pose in poses {
        if let remaining = state.remaining {
          guard remaining > 0 else { return true }
          state.remaining = remaining - 1
        }
        state.rows[pose.deviceID, default: Row()].pose = pose
        state.rows[pose.deviceID, default: Row()].count += 1
        if json { lines += PoseLine.text(pose, device: state.rows[pose.deviceID]?.device) + "\n" }
      }
      return state.remaining == 0
    }
    if json, !lines.isEmpty { Terminal.write(lines) }
    if json, dropped > 0 {
      Terminal.complain("vrbridge: \(dropped) poses were dropped, this reader is too slow")
    }
    if isDone { finish() }
  }

  /// Requests the devices again: their health changes without an event.
  private func refreshDevices() {
    let isDue = state.withLock { $0.lines % 10 == 0 }
    guard isDue, let connection = try? BridgeConnection(path: socket, clientName: "vrbridge watch"),
      let devices = try? connection.devices()
    else { return }
    handle(.devices(devices))
    let status = try? connection.request(.getRecording(Vrbridge_V1_GetRecording())).recordingStatus
    state.withLock { $0.recording = status }
  }

  private func draw() {
    let now = linux_monotonic_ns()
    let text = state.withLock { state -> String in
      if now - state.lastRateTime >= 1_000_000_000 {
        let seconds = Double(now - state.lastRateTime) * 1e-9
        for id in state.rows.keys {
          let count = state.rows[id]?.count ?? 0
          state.rows[id]?.rate = state.lastRateTime == 0 ? 0 : Double(count) / seconds
          state.rows[id]?.count = 0
        }
        state.lastRateTime = now
      }
      state.lines += 1
      state.annotations = state.annotations.filter {
        Double(now - $0.value.capturedNs) * 1e-9 < Double($0.value.timeToLiveS)
      }
      return PoseTable.text(
        rows: state.rows.sorted { $0.key < $1.key }.map { ($0.value.device, $0.value.pose, $0.value.rate) },
        annotations: Array(state.annotations.values), recording: state.recording,
        connection: ([state.connection] + surroundings.addresses).joined(separator: " · "),
        dropped: state.dropped, now: now)
    }
    let messages = surroundings.messages().map { PoseTable.message($0, width: Terminal.width) }
    let whole = text + (messages.isEmpty ? "" : "\n" + messages.joined(separator: "\n") + "\n")
    Terminal.write(Terminal.isInteractive ? Terminal.sequence("[H") + Terminal.sequence("[J") + whole : whole)
  }
}

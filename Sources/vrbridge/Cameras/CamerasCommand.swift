import Sensing
import ArgumentParser
import BridgeClient
import Cameras
import CLinux
import CommandSupport
import Foundation
import Glibc
import SessionLog
import Spatial

struct CamerasCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cameras",
    abstract: "List cameras, or take an image.",
    discussion: discussion(examples: "vrbridge cameras", "vrbridge cameras picture /dev/video0 out.jpg"),
    subcommands: [ListCameras.self, TakePicture.self], defaultSubcommand: ListCameras.self)
}

struct ListCameras: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "List cameras and their modes.",
    discussion: discussion(examples: "vrbridge cameras"))

  @Option(help: .socket, completion: .file())
  var socket: String?

  func run() throws {
    let cameras = AttachedCamera.all()
    if cameras.isEmpty {
      print("No camera can be opened; 'ls -l /dev/video*' lists their owners.")
    }
    let connection = try? BridgeConnection(path: socket, clientName: "vrbridge cameras")
    let devices =
      (try? connection?.devices()) ?? []
    for camera in cameras {
      let headset = devices.first { !$0.port.isEmpty && camera.belongs(to: $0.port) }
      print(
        Terminal.pad(camera.path, 13), Terminal.pad(camera.name, 32), Terminal.pad(camera.bus, 28),
        headset.map { Terminal.field("in \($0.name) \($0.serial)") } ?? "")
      let formats = Dictionary(grouping: camera.modes, by: \.format)
      for (format, modes) in formats.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
        print(
          "   ", Terminal.pad(format.rawValue, 6),
          modes.map { "\($0.width)x\($0.height)" }.joined(separator: " "))
      }
    }
  }
}

struct TakePicture: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "picture",
    abstract: "Take images to test a camera.",
    discussion: discussion(
      "Stop the bridge first when it reads the camera.",
      examples: "vrbridge cameras picture /dev/video0 out.jpg --size 1280x720"))

  @Argument(help: "Node of the camera, such as /dev/video0.", completion: .camera)
  var node: String

  @Argument(help: ArgumentHelp("File for the last image (JPEG).", valueName: "out.jpg"), completion: .file())
  var out: String

  @Option(help: "Take this many frames, 1 to 100000; their rate is printed.")
  var frames = 10

  @Option(help: ArgumentHelp("Request this size in pixels.", valueName: "widthxheight"))
  var size = "640x480"

  @Option(
    help: ArgumentHelp(
      "Request this pixel format: mjpeg, yuyv or grey (default: the camera's best).", valueName: "format"),
    completion: .list(["mjpeg", "yuyv", "grey"]))
  var format: String?

  @Option(help: "Request this many frames per second, 1 to 1000.")
  var rate = 30.0

  func run() async throws {
    var request = CameraRequest()
    let parts = size.split(separator: "x").compactMap { Int($0) }
    guard parts.count == 2, parts.allSatisfy({ (16...16_384).contains($0) }) else {
      throw ValidationError("--size: WIDTHxHEIGHT, such as 640x480")
    }
    guard (1...100_000).contains(frames), (1...1000).contains(rate) else {
      throw ValidationError("--frames and --rate: at least 1")
    }
    (request.width, request.height, request.rate) = (parts[0], parts[1], rate)
    if let format {
      guard let chosen = PixelFormat(rawValue: format) else {
        throw ValidationError("--format: mjpeg, yuyv or grey")
      }
      request.formats = [chosen]
    }
    let (node, wanted, settings) = (node, frames, request)
    let stop = linux_eventfd()
    defer { Glibc.close(stop) }
    let taken = try await onInterrupt {
      linux_eventfd_signal(stop)
    } while: { () -> [CameraFrame] in
      let camera = try V4L2Camera(path: node, request: settings)
      var list: [CameraFrame] = []
      try camera.run(until: stop) { frame in
        // Only the last frame keeps its bytes: memory stays bounded.
        if !list.isEmpty { list[list.count - 1].storage = .bytes([]) }
        list.append(frame)
        if list.count >= wanted { linux_eventfd_signal(stop) }
      }
      return list
    }
    guard let first = taken.first, let last = taken.last else {
      throw CommandError("no-frame", "\(node) delivered no frame")
    }
    try PrivateFile.write(Data(last.jpeg()), to: out)
    let seconds = last.captured.seconds(since: first.captured)
    let lost = Int(last.sequence) - Int(first.sequence) + 1 - taken.count
    let delay = taken.map { $0.received.seconds(since: $0.captured) * 1000 }.sorted()[taken.count / 2]
    Terminal.write(
      "\(taken.count) frames of \(last.width)x\(last.height) \(last.format.rawValue), "
        + String(
          format: "%.2f a second, %d lost, %.1f ms from capture to read\n",
          seconds > 0 ? Double(taken.count - 1) / seconds : 0, max(0, lost), delay))
  }
}

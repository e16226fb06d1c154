import BridgeClient
import BridgeProtocol
import CLinux
import Foundation
import Glibc
import Imaging
import Inference
import Perception
import Synchronization

/// Processor time of hands in a client's frames: as JPEG and uncompressed over HTTP, in shared memory, in this process, and
/// of MediaPipe's Python; in alternating rounds.
///
///     python3 -m venv PEERS && PEERS/bin/pip install mediapipe==0.10.21
///     vrbridge-eval performance frames hand.jpg PEERS/bin/python
enum FrameBench {
  /// Frames of one measurement.
  private static let count = 100

  static func run(image path: String, python: String) async throws {
    let data = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    let image = try Picture.decode(data)
    let jpeg = data.starts(with: [0xff, 0xd8]) ? data : try JPEG.encode(image, quality: 85)
    let service = try await Service()
    defer { service.stop() }
    let http = try service.connect()
    let size = "width=\(image.width)&height=\(image.height)"
    var ways: [(name: String, send: (Int64) throws -> Void)] = [
      ("JPEG over HTTP", { try http.post("captured_ns=\($0)", jpeg) })
    ]
    for (name, format, message) in [
      ("RGB", "rgb", .rgb), ("NV12", "nv12", .nv12), ("grey", "grey", .grey),
    ] as [(String, String, Vrbridge_V1_FrameFormat)] {
      let pixels = Self.pixels(image, message)
      var description = Vrbridge_V1_ShareFrames()
      description.camera = "memory \(format)"
      description.format = message
      description.width = UInt32(image.width)
      description.height = UInt32(image.height)
      let frames = try SharedFrames(description, path: service.socket, clientName: "bench")
      ways.append(
        ("\(name) over HTTP", { try http.post("captured_ns=\($0)&format=\(format)&\(size)", pixels) }))
      ways.append(
        ("\(name) in shared memory", { try frames.submit(captured: $0) { $0.copyBytes(from: pixels) } }))
    }
    let host = InferenceBench.host()
    var best: [String: Double] = [:]
    func keep(_ name: String, _ value: Double) { best[name] = min(best[name] ?? .infinity, value) }
    for _ in 0..<4 {
      for way in ways { keep(way.name, try await service.processorTime(count, way.send)) }
      keep("in process", try await Self.inProcess(image, host))
      guard let theirs = try InferenceBench.mediaPipe(path, python, count)["track"]?["cpu_ms"] else {
        throw BenchError(description: "MediaPipe did not answer")
      }
      keep("MediaPipe", theirs)
    }
    let theirs = best["MediaPipe"] ?? .nan
    print("hands while tracked, processor time a frame of \(image.width)×\(image.height):")
    print(String(format: "  MediaPipe's Python, decoded picture: %.2f ms", theirs))
    for name in ["in process"] + ways.map(\.name) {
      let ours = best[name] ?? .nan
      print("  \(name): \(String(format: "%.2f ms, %.2f of it", ours, ours / theirs))")
    }
  }

  private static func inProcess(_ image: RGBImage, _ host: ModelHost) async throws -> Double {
    let tracker = HandTracker(host: host, maximumHands: 1)
    for _ in 0..<5 { _ = try await tracker.track(image) }
    let begin = clock()
    for _ in 0..<count { _ = try await tracker.track(image) }
    // POSIX counts in microseconds.
    return Double(clock() - begin) / 1000 / Double(count)
  }

  /// The picture in another layout; NV12 by BT.601 in limited range.
  private static func pixels(_ image: RGBImage, _ format: Vrbridge_V1_FrameFormat) -> [UInt8] {
    let (width, height) = (image.width, image.height)
    func luma(_ x: Int, _ y: Int) -> Double {
      let (red, green, blue) = image[x, y]
      return 0.299 * Double(red) + 0.587 * Double(green) + 0.114 * Double(blue)
    }
    var bytes: [UInt8] = []
    for y in 0..<height {
      for x in 0..<width {
        switch format {
        case .rgb: bytes += [image[x, y].red, image[x, y].green, image[x, y].blue]
        case .nv12: bytes.append(UInt8(16 + luma(x, y) * 219 / 255))
        default: bytes.append(UInt8(luma(x, y)))
        }
      }
    }
    guard format == .nv12 else { return bytes }
    for y in stride(from: 0, to: height, by: 2) {
      for x in stride(from: 0, to: width, by: 2) {
        let (red, _, blue) = image[x, y]
        bytes.append(UInt8(128 + (Double(blue) - luma(x, y)) / 1.772 * 224 / 255))
        bytes.append(UInt8(128 + (Double(red) - luma(x, y)) / 1.402 * 224 / 255))
      }
    }
    return bytes
  }

  struct BenchError: Error, CustomStringConvertible {
    var description: String
  }

  // MARK: the service

  /// A bridge in another process that looks for hands, and a client of its annotations.
  private final class Service: Sendable {
    let socket: String
    private let address: String
    private let process: Mutex<Process>
    private let client: BridgeClient
    private let seen: AsyncStream<Int64>
    private let identifier: pid_t

    init() async throws {
      let folder = NSTemporaryDirectory() + "/vrbridge-frames-\(getpid())"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      socket = folder + "/s"
      address = folder + "/http"
      let bridge = Process()
      bridge.executableURL = ProcessBench.program.deletingLastPathComponent()
        .appendingPathComponent("vrbridge")
      bridge.arguments = [
        "run", "--no-hardware", "--perception", "hands", "--socket", socket, "--http", address,
      ]
      bridge.standardError = FileHandle.nullDevice
      bridge.standardOutput = FileHandle.nullDevice
      try bridge.run()
      identifier = bridge.processIdentifier
      process = Mutex(bridge)
      let (stream, announce) = AsyncStream<Int64>.makeStream()
      seen = stream
      client = BridgeClient(
        path: socket, name: "bench", subscription: BridgeClient.Subscription(streams: [.annotations])
      ) { event in
        guard case .annotations(let list, _) = event else { return }
        for hand in list where hand.kind == .hand && !hand.ended { announce.yield(hand.capturedNs) }
      }
      for _ in 0..<200 where !FileManager.default.fileExists(atPath: address) {
        try await Task.sleep(for: .milliseconds(50))
      }
      client.start()
      try await Task.sleep(for: .milliseconds(500))
    }

    func stop() {
      client.stop()
      process.withLock { process in
        process.terminate()
        process.waitUntilExit()
      }
    }

    func connect() throws -> HTTPConnection { try HTTPConnection(address) }

    /// Sends frames, each when the hand of the one before has arrived.
    ///
    /// - Returns: milliseconds of the bridge's processor time a frame.
    func processorTime(_ count: Int, _ send: (Int64) throws -> Void) async throws -> Double {
      var hands = seen.makeAsyncIterator()
      var begin = 0.0
      // The models are loaded, and the hand found, in the first frames.
      let warm = 12
      for index in 0..<(warm + count) {
        if index == warm { begin = try consumed() }
        let captured = linux_monotonic_ns()
        try send(captured)
        while let hand = await hands.next(), hand != captured {}
      }
      return (try consumed() - begin) / Double(count)
    }

    /// Milliseconds of processor time of the bridge.
    private func consumed() throws -> Double {
      let path = "/proc/\(identifier)/stat"
      guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
        throw BenchError(description: "the bridge has ended")
      }
      // proc_pid_stat(5): behind the name in parentheses, the 12th and 13th field are the ticks in user and kernel mode.
      let fields = text.drop { $0 != ")" }.split(separator: " ").dropFirst()
      let ticks = fields.dropFirst(11).prefix(2).compactMap { Double($0) }.reduce(0, +)
      return ticks * 1000 / Double(sysconf(Int32(_SC_CLK_TCK)))
    }
  }

  /// A connection that stays open, with one request at a time.
  private final class HTTPConnection {
    private let descriptor: Int32

    init(_ path: String) throws {
      descriptor = linux_unix_connect(path)
      guard descriptor >= 0 else { throw BenchError(description: "\(path) can't be opened") }
    }

    deinit { close(descriptor) }

    func post(_ query: String, _ body: [UInt8]) throws {
      let head =
        "POST /frames?camera=bench&\(query) HTTP/1.1\r\nHost: localhost\r\nContent-Length: \(body.count)\r\n\r\n"
      for bytes in [Array(head.utf8), body] {
        var start = 0
        while start < bytes.count {
          let sent = bytes.withUnsafeBytes {
            linux_send(descriptor, $0.baseAddress?.advanced(by: start), bytes.count - start, -1)
          }
          guard sent > 0 else { throw BenchError(description: "the service closed the connection") }
          start += sent
        }
      }
      var reply: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 4096)
      while !String(decoding: reply, as: UTF8.self).contains("\r\n\r\n") {
        let count = recv(descriptor, &buffer, buffer.count, 0)
        guard count > 0 else { throw BenchError(description: "the service closed the connection") }
        reply += buffer[0..<count]
      }
      let text = String(decoding: reply, as: UTF8.self)
      guard text.hasPrefix("HTTP/1.1 202") else { throw BenchError(description: text) }
    }
  }
}

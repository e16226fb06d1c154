import CLinux
import Devices
import Glibc
import Sensing
import Spatial

/// The requested mode of a camera; the driver chooses the nearest one that it supports.
public struct CameraRequest: Sendable, Equatable {
  public var width = 640
  public var height = 480
  /// Frames per second.
  public var rate = 30.0
  /// In order of preference.
  public var formats: [PixelFormat] = [.mjpeg, .yuyv, .grey]
  /// Exposure in milliseconds; nil for automatic exposure.
  public var exposure: Double?
  /// Gain in the driver's unit; nil leaves it unchanged.
  public var gain: Int?
  public init() {}
}

/// A V4L2 camera with memory-mapped buffers. Not thread-safe.
public final class V4L2Camera {
  public let path: String
  public let name: String
  /// `usb-0000:00:14.0-1.3`: the port, as HID_PHYS names it.
  public let bus: String
  public let format: PixelFormat
  public let width: Int
  public let height: Int
  public let rate: Double
  /// Messages about settings that the camera refused.
  public let warnings: [String]
  private let stride: Int
  private let descriptor: Int32
  private var buffers: [UnsafeMutableRawBufferPointer] = []

  private static let bufferCount: UInt32 = 4

  public init(path: String, request: CameraRequest) throws(TransportError) {
    self.path = path
    let descriptor = Glibc.open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else { throw TransportError("open \(path)", code: errno) }
    self.descriptor = descriptor
    do throws(TransportError) {
      (name, bus) = try Self.identify(descriptor, path)
      let offered = Self.formats(descriptor)
      guard let chosen = request.formats.first(where: offered.contains) else {
        let wanted = request.formats.map(\.rawValue).joined(separator: ", ")
        throw TransportError("use \(path): it supports none of \(wanted)", code: EPROTONOSUPPORT)
      }
      var (fourCC, width, height) = (chosen.fourCC, UInt32(request.width), UInt32(request.height))
      var (stride, size): (UInt32, UInt32) = (0, 0)
      try Self.check(
        linux_v4l2_set_format(descriptor, &fourCC, &width, &height, &stride, &size),
        "set the format of \(path)")
      guard let format = PixelFormat(fourCC: fourCC) else {
        throw TransportError("use \(path): the driver selects an unsupported format", code: EPROTONOSUPPORT)
      }
      self.format = format
      (self.width, self.height, self.stride) = (Int(width), Int(height), Int(stride))
      var warnings: [String] = []
      var (numerator, denominator): (UInt32, UInt32) = (UInt32(max(1, request.rate * 1000)), 1000)
      let result = linux_v4l2_set_rate(descriptor, &numerator, &denominator)
      rate = result == 0 && denominator > 0 ? Double(numerator) / Double(denominator) : request.rate
      func set(_ control: linux_v4l2_control, _ value: Int, _ name: String) {
        let result = linux_v4l2_set_control(descriptor, Int32(control.rawValue), Int32(clamping: value))
        if result != 0 { warnings.append("\(name) cannot be set: \(errorText(result))") }
      }
      if let exposure = request.exposure {
        set(LINUX_V4L2_EXPOSURE_AUTOMATIC, 0, "manual exposure")
        set(LINUX_V4L2_EXPOSURE, Int((exposure * 10).rounded()), "the exposure")
      }
      if let gain = request.gain { set(LINUX_V4L2_GAIN, gain, "the gain") }
      self.warnings = warnings
      let granted = linux_v4l2_request(descriptor, Self.bufferCount)
      try Self.check(granted, "get buffers of \(path)")
      for index in 0..<UInt32(granted) {
        var address: UnsafeMutableRawPointer?
        var length = 0
        try Self.check(linux_v4l2_map(descriptor, index, &address, &length), "map a buffer of \(path)")
        buffers.append(UnsafeMutableRawBufferPointer(start: address, count: length))
        try Self.check(linux_v4l2_queue(descriptor, index), "queue a buffer of \(path)")
      }
      try Self.check(linux_v4l2_stream(descriptor, 1), "start \(path)")
    } catch {
      for buffer in buffers { linux_v4l2_unmap(buffer.baseAddress, buffer.count) }
      Glibc.close(descriptor)
      throw error
    }
  }

  deinit {
    linux_v4l2_stream(descriptor, 0)
    for buffer in buffers { linux_v4l2_unmap(buffer.baseAddress, buffer.count) }
    Glibc.close(descriptor)
  }

  private static func check(_ result: Int32, _ action: String) throws(TransportError) {
    if result < 0 { throw TransportError(action, code: -result) }
  }

  private static func identify(
    _ descriptor: Int32, _ path: String
  ) throws(TransportError) -> (name: String, bus: String) {
    var name = [CChar](repeating: 0, count: 32)
    var bus = name
    try check(linux_v4l2_identify(descriptor, &name, &bus), "capture from \(path)")
    func text(_ bytes: [CChar]) -> String {
      String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
    return (text(name), text(bus))
  }

  private static func formats(_ descriptor: Int32) -> [PixelFormat] {
    var list: [PixelFormat] = []
    var fourCC: UInt32 = 0
    // A bound for drivers whose list does not end.
    for index in 0..<256 where linux_v4l2_format_at(descriptor, UInt32(index), &fourCC) == 0 {
      if let format = PixelFormat(fourCC: fourCC) { list.append(format) }
    }
    return list
  }

  /// Returns the name, bus and modes of a camera without starting it.
  public static func describe(
    path: String
  ) throws(TransportError) -> (
    name: String, bus: String, modes: [(format: PixelFormat, width: Int, height: Int)]
  ) {
    let descriptor = Glibc.open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else { throw TransportError("open \(path)", code: errno) }
    defer { Glibc.close(descriptor) }
    let (name, bus) = try identify(descriptor, path)
    var modes: [(format: PixelFormat, width: Int, height: Int)] = []
    for format in formats(descriptor) {
      var (width, height): (UInt32, UInt32) = (0, 0)
      for index in 0..<256 {
        guard linux_v4l2_size_at(descriptor, format.fourCC, UInt32(index), &width, &height) == 0 else {
          break
        }
        modes.append((format, Int(width), Int(height)))
      }
    }
    return (name, bus, modes)
  }

  /// Delivers frames until `stop` is readable.
  ///
  /// - Throws: `TransportError` when the camera is unplugged or its driver fails.
  public func run(until stop: Int32, deliver: (CameraFrame) -> Void) throws(TransportError) {
    var descriptors = [
      pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
      pollfd(fd: stop, events: Int16(POLLIN), revents: 0),
    ]
    while true {
      let count = poll(&descriptors, 2, 2000)
      if count < 0, errno == EINTR { continue }
      if descriptors[1].revents != 0 { return }
      guard count > 0 else { throw TransportError("wait for a frame of \(path)", code: ETIMEDOUT) }
      var (index, used, sequence): (UInt32, UInt32, UInt32) = (0, 0, 0)
      var timestamp: Int64 = 0
      var isDamaged: Int32 = 0
      let result = linux_v4l2_dequeue(descriptor, &index, &used, &timestamp, &sequence, &isDamaged)
      if result == -EAGAIN, descriptors[0].revents & Int16(POLLERR | POLLHUP) == 0 { continue }
      guard result == 0 else {
        throw TransportError("read a frame of \(path)", code: result == -EAGAIN ? ENODEV : -result)
      }
      let now = linux_monotonic_ns()
      if isDamaged == 0, used > 0, Int(index) < buffers.count {
        // Copied, so that the driver gets its buffer back regardless of the frame's lifetime.
        let bytes = Array(buffers[Int(index)].prefix(Int(used)))
        // Some drivers use another clock; an implausible timestamp is replaced by the time of arrival.
        let isPlausible = timestamp > 0 && timestamp <= now && now - timestamp < 5_000_000_000
        deliver(
          CameraFrame(
            camera: name,
            pixels: PixelData(format: format, width: width, height: height, stride: stride, bytes: bytes),
            captured: Timestamp(nanoseconds: isPlausible ? timestamp : now),
            received: Timestamp(nanoseconds: now), sequence: sequence))
      }
      let queued = linux_v4l2_queue(descriptor, index)
      guard queued == 0 else { throw TransportError("queue a buffer of \(path)", code: -queued) }
    }
  }
}

public import BridgeProtocol
import CLinux
import Glibc

/// Frames of a program's own camera in memory that the bridge reads: no pixel is copied through the socket.
///
/// The annotations that the bridge makes of them arrive at a ``BridgeClient``. Used by one thread at a time.
public final class SharedFrames {
  /// Bytes of a frame.
  public let frameSize: Int
  private let connection: BridgeConnection
  private let memory: UnsafeMutableRawBufferPointer
  private let ring: UInt32
  private let slots: Int
  /// The slot that was submitted last.
  private var last = 0
  private var inUse: UInt32 = 0

  /// Width and height, at most.
  private static let maximumSide: UInt32 = 16_384
  private static let maximumSlots = 16

  /// Makes the memory and shares it.
  ///
  /// - Parameters:
  ///   - frames: camera, format, dimensions in pixels, `slots` (0: 6); `slot_size` is not used.
  ///   - path: path of the bridge's socket; nil tries the default paths.
  ///   - clientName: name and version of the program, for the bridge's log.
  /// - Throws: ``BridgeClientError``: without a connection, for dimensions that the bridge does not accept, and without the
  ///   scope `camera`.
  public init(
    _ frames: Vrbridge_V1_ShareFrames, path: String? = nil, clientName: String
  ) throws(BridgeClientError) {
    var request = frames
    let slots = request.slots == 0 ? 6 : Int(request.slots)
    let isPossible = [request.width, request.height].allSatisfy {
      (1...SharedFrames.maximumSide).contains($0)
    }
    guard isPossible, slots <= SharedFrames.maximumSlots, request.stride <= 4 * 3 * SharedFrames.maximumSide
    else {
      throw .refused(
        "frames of \(request.width) by \(request.height) pixels in \(slots) slots are not accepted; at most \(SharedFrames.maximumSide) pixels a side and \(SharedFrames.maximumSlots) slots"
      )
    }
    let pixel = request.format == .rgb ? 3 : request.format == .yuyv ? 2 : 1
    let height = Int(request.height)
    let stride = request.stride == 0 ? Int(request.width) * pixel : Int(request.stride)
    frameSize = stride * (request.format == .nv12 ? height + height / 2 : height)
    request.slots = UInt32(slots)
    request.slotSize = 0
    self.slots = slots
    connection = try BridgeConnection(path: path, clientName: clientName)
    var address: UnsafeMutableRawPointer?
    let descriptor = linux_sealed_memory("vrbridge frames", frameSize * slots, &address)
    guard descriptor >= 0, let address else {
      throw .refused("no memory for frames: \(String(cString: strerror(-descriptor)))")
    }
    defer { Glibc.close(descriptor) }
    memory = UnsafeMutableRawBufferPointer(start: address, count: frameSize * slots)
    // Writes every page, as the bridge requires.
    memset(address, 0, memory.count)
    do throws(BridgeClientError) {
      ring = try connection.request(.shareFrames(request), passing: descriptor).framesShared.ringID
    } catch {
      munmap(address, frameSize * slots)
      throw error
    }
  }

  deinit { munmap(memory.baseAddress, memory.count) }

  /// Writes and submits a frame.
  ///
  /// - Parameters:
  ///   - captured: capture time, nanoseconds of CLOCK_MONOTONIC; 0 for the time of the call.
  ///   - pose: world from camera: x, y, z in metres, qx, qy, qz, qw; empty for the pose of the tracked head.
  ///   - write: writes the pixels. The bridge may read at the same time if it still reads all slots.
  /// - Throws: ``BridgeClientError``, for example if the connection is closed.
  public func submit(
    captured: Int64 = 0, pose: [Double] = [], write: (UnsafeMutableRawBufferPointer) -> Void
  ) throws(BridgeClientError) {
    let order = (1...slots).map { (last + $0) % slots }
    last = order.first { inUse >> UInt32($0) & 1 == 0 } ?? order[0]
    write(UnsafeMutableRawBufferPointer(rebasing: memory[(last * frameSize)..<((last + 1) * frameSize)]))
    var request = Vrbridge_V1_SubmitFrame()
    request.ringID = ring
    request.slot = UInt32(last)
    request.capturedNs = captured
    request.pose = pose
    inUse = try connection.request(.submitFrame(request)).frameTaken.slotsInUse
  }
}

import Admission
import BridgeProtocol
import Cameras
import Diagnostics
import Dispatch
import Glibc
import Imaging
import Synchronization

/// A descriptor that a client passed; closed when it is freed, on another thread: the last close of a file may wait for its
/// file system, which can be a program of the client.
final class PassedDescriptor {
  let value: Int32

  private static let closing = DispatchQueue(label: "passed descriptors")
  private static let waiting = Atomic<Int>(0)
  /// Whether so many wait to be closed that no more are taken.
  static var areTooMany: Bool { waiting.load(ordering: .relaxed) >= 64 }

  init(_ value: Int32) { self.value = value }

  deinit {
    let value = value
    Self.waiting.add(1, ordering: .relaxed)
    Self.closing.async {
      _ = Glibc.close(value)
      Self.waiting.subtract(1, ordering: .relaxed)
    }
  }
}

/// The memory with frames that a client shares.
struct ClientFrameRings {
  struct Ring {
    var memory: SharedFrameRing
    var camera: String
    var intrinsics: [Double]?
  }
  private(set) var rings: [UInt32: Ring] = [:]
  private var nextID: UInt32 = 1

  /// Rings of one client.
  static let maximum = 4

  /// - Returns: the id of the ring.
  mutating func add(_ ring: Ring) -> UInt32 {
    defer { nextID &+= 1 }
    rings[nextID] = ring
    return nextID
  }

  /// - Returns: false when the client has no such ring.
  mutating func remove(_ id: UInt32) -> Bool { rings.removeValue(forKey: id) != nil }
}

/// Handles the requests of clients that share memory with frames: maps it, hands frames to the cameras, unmaps it.
struct FrameRequests: Sendable {
  /// Takes a frame; returns false when clients, or this one, use too many cameras.
  var submit: @Sendable (PixelData, ClientFrameDetails) -> Bool
  /// Bytes mapped for all clients, and for each user.
  private let budget = ByteBudget(
    total: 1 << 30, perPrincipal: 512 << 20, reserved: 256 << 20, owners: [0, geteuid()])

  init(submit: @escaping @Sendable (PixelData, ClientFrameDetails) -> Bool) { self.submit = submit }

  /// Maps the memory whose descriptor came with the request.
  ///
  /// - Returns: the id of the ring.
  func share(
    _ request: Vrbridge_V1_ShareFrames, _ client: ClientConnection
  ) throws(RequestError) -> UInt32 {
    // Taken in any case: a descriptor belongs to one request.
    let passed = client.takePassed()
    // Open until the memory is mapped.
    defer { withExtendedLifetime(passed) {} }
    guard client.frameRings.rings.count < ClientFrameRings.maximum else {
      throw RequestError(
        .invalid, "shared-frames-rings",
        "a client can share \(ClientFrameRings.maximum) rings of frames; release one first")
    }
    let intrinsics = try numbers(request.intrinsics, 4, "intrinsics are fx, fy, cx, cy")
    try check(intrinsics: intrinsics)
    guard let format = request.format.pixels else {
      throw RequestError(
        .invalid, SharedFrameError(.layout, "the format of the pixels is not one of the protocol's"))
    }
    do {
      let layout: PixelLayout
      do throws(PictureError) {
        layout = try PixelLayout(
          format, width: Int(request.width), height: Int(request.height),
          stride: request.stride == 0 ? nil : Int(request.stride))
      } catch { throw SharedFrameError(.layout, error.description) }
      guard let passed else {
        throw SharedFrameError(
          .descriptor, "the request came without a descriptor; pass that of a memory file with SCM_RIGHTS")
      }
      let share = budget.share(of: .user(client.user))
      let slots = Int(request.slots)
      let slotSize = request.slotSize == 0 ? layout.size : Int(request.slotSize)
      guard slots <= SharedFrameRing.maximumSlots, share.take(slots * slotSize) else {
        throw SharedFrameError(
          .size,
          "a ring has at most \(SharedFrameRing.maximumSlots) slots, and all rings of a user together \(512 << 20) bytes; share fewer or smaller slots"
        )
      }
      let memory = try SharedFrameRing(
        descriptor: passed.value, layout, slots: slots, slotSize: slotSize, share: share)
      return client.frameRings.add(
        ClientFrameRings.Ring(memory: memory, camera: request.camera, intrinsics: intrinsics))
    } catch { throw RequestError(.invalid, wrapping: error, code: "shared-frames-layout") }
  }

  /// Hands the frame in a slot to the cameras.
  ///
  /// - Returns: the slots that are still read.
  func submit(
    _ request: Vrbridge_V1_SubmitFrame, _ client: ClientConnection
  ) throws(RequestError) -> UInt32 {
    guard let ring = client.frameRings.rings[request.ringID] else { throw .unknownRing(request.ringID) }
    let pose = try numbers(request.pose, 7, "a pose is x, y, z, qx, qy, qz, qw")
    let captured = request.capturedNs == 0 ? nil : request.capturedNs
    try check(captured: captured, pose: pose)
    let slot: SharedFrameSlot
    do throws(SharedFrameError) { slot = try ring.memory.slot(Int(request.slot)) } catch {
      throw RequestError(.invalid, error)
    }
    let isTaken = submit(
      PixelData(ring.memory.layout, .shared(slot)),
      ClientFrameDetails(
        client: .user(client.user), camera: ring.camera.isEmpty ? "client" : ring.camera,
        captured: captured, pose: pose, intrinsics: ring.intrinsics)
    )
    guard isTaken else {
      throw RequestError(
        .invalid, "frame-cameras-full",
        "too many cameras of clients are in use; use a name that is in use, or wait until one is idle for a minute"
      )
    }
    return ring.memory.inUse
  }

  /// Ends a ring. Its memory is unmapped when its frames are no longer read.
  func release(
    _ request: Vrbridge_V1_ReleaseFrames, _ client: ClientConnection
  ) throws(RequestError) {
    guard client.frameRings.remove(request.ringID) else { throw .unknownRing(request.ringID) }
  }

  private func check(
    captured: Int64? = nil, pose: [Double]? = nil, intrinsics: [Double]? = nil
  ) throws(RequestError) {
    guard
      let problem = ClientFrameDetails.problem(captured: captured, pose: pose, intrinsics: intrinsics)
    else { return }
    throw RequestError(.invalid, "frame-invalid", problem)
  }

  private func numbers(_ list: [Double], _ count: Int, _ meaning: String) throws(RequestError) -> [Double]? {
    if list.isEmpty { return nil }
    guard list.count == count, list.allSatisfy(\.isFinite) else {
      throw RequestError(.invalid, "frame-invalid", "\(meaning): \(count) finite numbers, or none")
    }
    return list
  }
}

extension RequestError {
  fileprivate static func unknownRing(_ id: UInt32) -> RequestError {
    RequestError(.notFound, "shared-frames-unknown", "the client shares no ring \(id)")
  }
}

extension Vrbridge_V1_FrameFormat {
  /// The layout's format; nil for a value of a newer protocol.
  fileprivate var pixels: PixelLayout.Format? {
    switch self {
    case .rgb: .rgb
    case .nv12: .nv12
    case .grey: .grey
    case .yuyv: .yuyv
    case .unspecified, .UNRECOGNIZED: nil
    }
  }
}

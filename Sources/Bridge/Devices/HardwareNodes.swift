import Devices
import Sensing

/// A node and the family that is read through it; several families may share one node.
struct NodeKey: Hashable, Sendable {
  var path: String
  var family: String
}

/// A hidraw node that a description fits.
struct HardwareNode: Sendable {
  enum Status: Sendable, Equatable {
    case open
    /// A thread reads its configuration; the number distinguishes openings of the same path.
    case opening(Int)
    /// It can't be opened now; retried at this time, CLOCK_MONOTONIC, ns.
    case blocked(retryAt: Int64)
    /// It can't be used; not retried.
    case refused
  }
  var node: DeviceNode
  var family: String
  var device: DeviceID?
  var status: Status

  var key: NodeKey { NodeKey(path: node.path, family: family) }
}

/// The hidraw nodes that belong to a description, with their status.
///
/// Belongs to the device manager's thread; discovery and attachments share it.
final class HardwareNodes {
  private var nodes: [NodeKey: HardwareNode] = [:]

  var isEmpty: Bool { nodes.isEmpty }

  func contains(_ key: NodeKey) -> Bool { nodes[key] != nil }

  /// All families read through the node at this path.
  func entries(at path: String) -> [HardwareNode] { nodes.values.filter { $0.node.path == path } }

  /// Nodes whose next attempt is due.
  func due(now: Int64) -> [HardwareNode] {
    nodes.values.filter { entry in
      if case .blocked(let at) = entry.status { at <= now } else { false }
    }
  }

  func set(_ entry: HardwareNode) { nodes[entry.key] = entry }

  func remove(at path: String) -> [HardwareNode] {
    entries(at: path).compactMap { nodes.removeValue(forKey: $0.key) }
  }

  /// Removes an open node whose interface has ended, so that a new one at the same path is opened.
  func ended(_ key: NodeKey) { if nodes[key]?.status == .open { nodes[key] = nil } }

  // MARK: opening

  func beginOpening(_ key: NodeKey, number: Int, device: DeviceID) {
    nodes[key]?.status = .opening(number)
    nodes[key]?.device = device
  }

  /// Ends the opening with this number.
  ///
  /// - Returns: false when the node was unplugged meanwhile; the path may be another device's by now.
  func endOpening(_ key: NodeKey, number: Int) -> Bool {
    guard nodes[key]?.status == .opening(number) else { return false }
    nodes[key]?.status = .open
    return true
  }

  func isOpen(_ key: NodeKey) -> Bool { nodes[key]?.status == .open }

  func refuse(_ key: NodeKey) { nodes[key]?.status = .refused }
}

import Devices
import Glibc
import Sensing
import Spatial

/// The access to devices on cables and links that pairing uses.
public protocol PairingHardware: AnyObject {
  /// Returns the device, or its receiver, on its cable; nil while it is not plugged in.
  func cable(_ pairing: PairingDescription) throws -> (any FeatureAccess)?
  /// Returns the number of reports that arrived over the device's link since the last call.
  ///
  /// - Parameter address: of the device on Bluetooth; nil for a device behind a receiver.
  func reports(of description: DeviceDescription, address: String?) -> Int
}

/// Hardware that udev reports.
public final class AttachedHardware: PairingHardware {
  private let catalog: DeviceCatalog
  private let udev: UdevMonitor
  private var readers: [String: HidrawTransport] = [:]

  public init(catalog: DeviceCatalog) throws(PairingError) {
    guard let udev = UdevMonitor() else {
      throw PairingError(
        "udev-unusable", "libudev is not usable", fix: "systemctl status systemd-udevd")
    }
    self.udev = udev
    self.catalog = catalog
  }

  deinit { for reader in readers.values { reader.close() } }

  public func cable(_ pairing: PairingDescription) throws -> (any FeatureAccess)? {
    let nodes = udev.enumerate().filter { node in
      node.access == .hidraw && node.identity.bus == .usb
        && pairing.cable.contains {
          $0.vendor == node.identity.vendor && $0.product == node.identity.product
            && ($0.interfaceNumber == nil || node.identity.interfaceNumber == nil
              || $0.interfaceNumber == node.identity.interfaceNumber)
        }
    }
    guard let node = nodes.first else { return nil }
    do {
      return OwnedTransport(try HidrawTransport(path: node.path, identity: node.identity))
    } catch  where [ENOENT, ENODEV, ENXIO].contains(error.code) {
      // Unplugged since it was listed.
      return nil
    } catch {
      throw PairingError(
        "device-blocked", "the device is plugged in, but \(Doctor.obstacle(node, code: error.code))")
    }
  }

  public func reports(of description: DeviceDescription, address: String?) -> Int {
    for node in udev.enumerate() where readers[node.path] == nil {
      guard let match = catalog.match(node),
        match.description.family == description.family
      else { continue }
      if let address {
        guard node.identity.bus == .bluetooth, node.identity.serial.lowercased() == address.lowercased()
        else {
          continue
        }
      }
      readers[node.path] = try? HidrawTransport(path: node.path, identity: node.identity)
    }
    var count = 0
    for (path, reader) in readers {
      count += withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 16) { buffer -> Int in
        var seen = 0
        var received = Timestamp(nanoseconds: 0)
        while seen < 1000 {
          switch reader.read(into: buffer, received: &received) {
          // Other reports come from the receiver itself, also while its device is off.
          case .report where address != nil || buffer[0] == 0x23 || buffer[0] == 0x24: seen += 1
          case .report: continue
          case .nothing: return seen
          case .ended:
            reader.close()
            readers[path] = nil
            return seen
          }
        }
        return seen
      }
    }
    return count
  }
}

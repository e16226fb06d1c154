import Devices
import Glibc
import Sensing
import Spatial

/// What pairing needs of the devices on cables and links.
public protocol PairingHardware: AnyObject {
  /// The device, or its receiver, on its cable.
  func cable(_ pairing: PairingDescription) throws -> (any FeatureAccess)?
  /// Reports that came from the device over its link since the last call.
  ///
  /// - Parameter address: over Bluetooth; nil where a receiver stands in.
  func reports(of description: DeviceDescription, address: String?) -> Int
}

/// Real devices, as udev shows them.
public final class AttachedHardware: PairingHardware {
  private let catalog: DeviceCatalog
  private let udev: UdevMonitor
  private var readers: [String: HidrawTransport] = [:]

  public init(catalog: DeviceCatalog) throws(PairingFault) {
    guard let udev = UdevMonitor() else {
      throw PairingFault("libudev can't be used", fix: "systemctl status systemd-udevd")
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
      throw PairingFault("the device is there, but \(Doctor.obstacle(node, code: error.code))")
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
          // What a receiver says while its device is off is no data of the device.
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

import Devices
import Glibc
import Sensing
import TrackingPipeline

/// A part of a device, by its index in the description.
struct PartKey: Hashable, Sendable {
  var device: DeviceID
  var part: Int
}

/// Reads configurations of hardware interfaces, each on a thread of its own.
///
/// A feature request may take as long as the kernel waits for a reply, five seconds, so that the device manager's
/// thread must not wait for it. Belongs to that thread.
final class InterfaceOpener {
  typealias Prepared = Result<OpenedPart, LayoutError>

  private let mailbox: DeviceMailbox
  private var parts: Set<PartKey> = []
  private var threads: [Int: WorkerThread] = [:]
  private var count = 0

  init(mailbox: DeviceMailbox) { self.mailbox = mailbox }

  func isOpening(_ part: PartKey) -> Bool { parts.contains(part) }

  /// Runs `prepare` on a thread of its own and `finish` with its result on the device manager's thread.
  ///
  /// - Returns: the number of this opening; nil while the part is being opened already.
  func open(
    _ part: PartKey, prepare: @escaping @Sendable () -> sending Prepared,
    finish: @escaping @Sendable (DeviceThread, _ number: Int, sending Prepared) -> Void
  ) -> Int? {
    guard parts.insert(part).inserted else { return nil }
    count += 1
    let (number, mailbox) = (count, mailbox)
    threads[number] = WorkerThread(name: "opening") {
      let result = HandOver(prepare())
      mailbox.post { thread in
        thread.opener.ended(part, number: number)
        if let result = result.take() { finish(thread, number, result) }
      }
    }
    return number
  }

  private func ended(_ part: PartKey, number: Int) {
    threads[number] = nil
    parts.remove(part)
  }

  // MARK: on the opening thread

  /// Reads the interface's configuration. A radio that waits for its peer gets nominal values: it replies for a
  /// controller only while that is on.
  static func prepare(
    _ match: DeviceCatalog.Match, _ transport: any Transport,
    sibling: (String) -> (any FeatureAccess)? = { _ in nil }
  ) -> Prepared {
    do throws(LayoutError) {
      guard match.part.waitsForPeer, transport.identity.origin == .hardware else {
        return .success(try PartOpener.open(match, transport: transport, sibling: sibling))
      }
      let decoder = try PartDecoder(
        part: match.part, descriptor: transport.descriptor, controls: match.description.controls)
      return .success(OpenedPart(decoder: decoder, calibration: InertialCalibration(), warnings: []))
    } catch {
      return .failure(error)
    }
  }

  /// Reads the configuration of the controller behind a radio, once it is on.
  static func read(_ match: DeviceCatalog.Match, _ transport: any Transport) -> Prepared {
    do throws(LayoutError) { return .success(try PartOpener.open(match, transport: transport)) } catch {
      return .failure(error)
    }
  }

  /// Opens another interface of the same device, whose node may appear up to half a second later.
  static func sibling(
    _ part: String, of match: DeviceCatalog.Match, _ identity: InterfaceIdentity, _ catalog: DeviceCatalog
  ) -> (any FeatureAccess)? {
    guard let udev = UdevMonitor() else { return nil }
    let key = DeviceKey(identity, match.description)
    for _ in 0..<10 {
      let node = udev.enumerate().first { node in
        guard let other = catalog.match(node), other.part.name == part else { return false }
        return other.description.family == match.description.family
          && DeviceKey(node.identity, other.description) == key
      }
      if let node, let transport = try? node.open(for: match.part) { return OwnedTransport(transport) }
      usleep(50_000)
    }
    return nil
  }
}

import BridgeProtocol
import Synchronization

/// Lets the device manager tell the server of events although it is made before it.
final class AnnouncementRelay: Sendable {
  private let server = Mutex<SocketServer?>(nil)

  func connect(_ server: SocketServer) { self.server.withLock { $0 = server } }

  func send(_ event: Vrbridge_V1_DeviceEvent) { server.withLock { $0 }?.announce(event) }
}

import Admission
import Hummingbird

/// A request's connection.
struct PeerContext: RequestContext {
  var coreContext: CoreRequestContextStorage
  let connection: AcceptedConnection

  init(source: ApplicationRequestContextSource) {
    coreContext = CoreRequestContextStorage(source: source)
    // Set for the task that serves the connection. Without it the client has no rights.
    connection = AcceptedConnection.current ?? AcceptedConnection(.unknown)
  }
}

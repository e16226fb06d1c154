import Bridge
import CommandSupport
import FoxgloveServer
import HTTPServer
import ServiceLifecycle

/// The live table inside `run --view`.
struct ViewService: Service {
  let socket: String
  /// Addresses of the bridge, for the head of the table.
  let addresses: [String]
  /// Messages for the end of the table; nil where standard error takes them.
  let messages: ViewMessages?

  func run() async throws {
    let view = WatchView(
      socket: socket, json: false, roles: [], rate: 0, surroundings: (addresses, { messages?.newest ?? [] }))
    view.start()
    try? await gracefulShutdown()
    view.stop()
  }

  /// Returns the addresses at which a configuration serves people and programs.
  static func addresses(_ configuration: Configuration, socket: String) -> [String] {
    var list: [String] = []
    let http = configuration.sections[HTTPSettings.self].value
    if let address = http.address {
      let isPath = address.hasPrefix("/") || address.hasPrefix("unix:")
      let scheme = http.certificate == nil ? "http" : "https"
      list.append(isPath ? "HTTP on \(address)" : "dashboard \(scheme)://\(address)/")
    }
    if let address = configuration.sections[FoxgloveSettings.self].value.address {
      list.append("Foxglove ws\(http.certificate == nil ? "" : "s")://\(address)")
    }
    return list + ["socket \(socket)"]
  }
}

import Admission
import Bridge
import Devices
import FoxgloveServer
import HTTPServer
import Interop

/// The ports of the configured listeners: a port that another program holds keeps the bridge from starting.
struct DoctorPorts {
  /// A listener of the configuration.
  private struct Listener {
    var name: String
    var host: String
    var port: Int
    var transports: [PortOwner.Transport] = [.tcp]
    /// The key that chooses the address.
    var setting: String
  }

  private let listeners: [Listener]

  /// Finds the listeners of a configuration.
  init(_ configuration: Configuration) {
    var list: [Listener] = []
    func add(
      _ name: String, _ address: String?, _ setting: String, _ transports: [PortOwner.Transport] = [.tcp]
    ) {
      guard let address, case .network(let host, let port)? = HTTPServerOptions.Address(address) else {
        return
      }
      list.append(Listener(name: name, host: host, port: port, transports: transports, setting: setting))
    }
    add("HTTP", configuration.sections[HTTPSettings.self].value.address, "http: address")
    add("Foxglove", configuration.sections[FoxgloveSettings.self].value.address, "foxglove: address")
    add(
      "VRPN", configuration.sections[InteropSettings.self].value.vrpn?.address, "interop: vrpn: address",
      [.tcp, .udp])
    if let trackers = configuration.slimeVR.value {
      list.append(
        Listener(
          name: "SlimeVR", host: trackers.address, port: Int(trackers.port), transports: [.udp],
          setting: "slimevr: port"))
    }
    listeners = list
  }

  /// Returns a finding for each port that is held; ports that are free give none.
  var findings: [Doctor.Finding] {
    listeners.flatMap { listener in
      listener.transports.compactMap { transport -> Doctor.Finding? in
        guard listener.port > 0, let owner = PortOwner.of(listener.port, host: listener.host, transport)
        else {
          return nil
        }
        let subject = "port \(listener.port) (\(listener.name), \(transport.rawValue.uppercased()))"
        guard owner.isBridge else {
          let stop = owner.process.map { "kill \($0)" } ?? "sudo ss -lptu 'sport = :\(listener.port)'"
          return Doctor.Finding(
            subject: subject, status: .problem,
            detail:
              "held by \(owner.text), so the bridge can't start; stop it, or change '\(listener.setting)'",
            fix: stop)
        }
        return Doctor.Finding(subject: subject, status: .fine, detail: "held by the bridge, \(owner.text)")
      }
    }
  }
}

extension PortOwner {
  /// Whether the owner is a bridge. Another user's process has no name here; the service has a user of its own.
  fileprivate var isBridge: Bool { process == nil ? text.hasSuffix("user vrbridge") : name == "vrbridge" }
}

public import LiveState
public import Logging
public import ServiceLifecycle
public import Settings
import StrictYAML

/// Protocols of other programs: `interop:` in the configuration. Each is off until its key is present.
public struct InteropSettings: ConfigurationSection {
  /// nil for no VRPN server.
  public var vrpn: VRPNSettings?
  /// Destinations of datagrams, at most one per format.
  public var senders: [PoseSenderSettings] = []

  public init() {}

  public static let key = "interop"
  public static let about =
    "Protocols of other programs. Each is off until its key is present; `{}` turns it on with the defaults below."
  public var isOn: Bool { vrpn != nil || !senders.isEmpty }

  public static let table: [SettingKey<Self>] =
    [
      SettingKey(
        VRPNSettings.key,
        "VRPN server: `\(VRPNSettings().inline)`; `open` admits other machines; 1 to 1,000 Hz",
        standard: "off",
        parse: { (value, settings) throws(DocumentError) in
          var vrpn = VRPNSettings()
          try vrpn.apply(value)
          settings.vrpn = vrpn
        }, lines: { $0.vrpn.map { [ConfigurationLine(VRPNSettings.key, $0.inline)] } ?? [] })
    ]
    + PoseSender.Format.allCases.map { format in
      SettingKey(
        format.rawValue, "datagrams to a program: `\(PoseSenderSettings(format).inline)`; 1 to 1,000 Hz",
        standard: "off",
        parse: { (value, settings) throws(DocumentError) in
          var sender = PoseSenderSettings(format)
          try sender.apply(value)
          settings.senders.append(sender)
        },
        lines: { settings in
          settings.senders.filter { $0.format == format }.map {
            ConfigurationLine(format.rawValue, $0.inline)
          }
        })
    }

  /// Creates the services that are on.
  ///
  /// - Throws: `InteropError` for an address that cannot be used.
  public func services(state: any BridgeState, log: Logger) throws(InteropError) -> [any Service] {
    var services: [any Service] = []
    if let vrpn { services.append(try VRPNServer(vrpn, state: state, log: log)) }
    for sender in senders { services.append(try PoseSender(sender, state: state, log: log)) }
    return services
  }
}

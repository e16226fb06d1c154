import Diagnostics

/// Converts errors of the bus and of BlueZ into errors that name a remedy.
///
/// Names: D-Bus specification, "Error names"; BlueZ's doc/org.bluez.Device.rst and doc/org.bluez.Adapter.rst; texts behind
/// `org.bluez.Error.Failed`: src/error.h of BlueZ.
enum BluetoothFailure {
  private static let restart = "sudo systemctl restart bluetooth, then try again"

  /// Errors after which the state that a call was to reach exists.
  static let alreadyPaired: Set<String> = ["org.bluez.Error.AlreadyExists"]
  static let alreadyConnected: Set<String> = [
    "org.bluez.Error.AlreadyConnected", "org.bluez.Error.InProgress",
  ]
  static let alreadySearching: Set<String> = ["org.bluez.Error.InProgress"]

  /// Calls BlueZ; errors that say that nothing was left to do are none.
  static func tolerating(_ names: Set<String>, _ call: () throws -> Void) throws {
    do { try call() } catch let error as DBusCallError where names.contains(error.name) {}
  }

  /// The error of a step.
  ///
  /// - Parameter device: address of the device that is paired; nil before one was found.
  static func describe(_ error: DBusCallError, device: BluetoothDevice?) -> PairingError {
    general(error) ?? link(error, device)
      ?? PairingError(
        "bluetooth-failed", "Bluetooth reports an error: \(error)",
        fix: "try again; if it stays, \(restart), and read: journalctl -u bluetooth")
  }

  /// Errors of the bus and of BlueZ as a whole.
  private static func general(_ error: DBusCallError) -> PairingError? {
    switch error.name {
    case "org.freedesktop.DBus.Error.AccessDenied", "org.freedesktop.DBus.Error.AuthFailed",
      "org.bluez.Error.NotPermitted", "org.bluez.Error.NotAuthorized":
      PairingError(
        "bluetooth-access-denied", "this user may not use Bluetooth: \(error)",
        fix: "sudo usermod -aG bluetooth \"$USER\", then log in again; or run the command with sudo")
    case "org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.NameHasNoOwner",
      "org.freedesktop.systemd1.NoSuchUnit", "org.freedesktop.systemd1.Masked":
      notRunning(error)
    case let name where name.hasPrefix("org.freedesktop.DBus.Error.Spawn."): notRunning(error)
    case "disconnected", "org.freedesktop.DBus.Error.Disconnected":
      PairingError(
        "system-bus-lost", "the connection to the system bus was lost: \(error)",
        fix: "sudo systemctl restart dbus bluetooth, then try again")
    case "org.freedesktop.DBus.Error.NoReply", "org.freedesktop.DBus.Error.Timeout",
      "org.freedesktop.DBus.Error.TimedOut", "timeout":
      PairingError("bluetooth-no-reply", "Bluetooth stopped or does not answer: \(error)", fix: restart)
    case "org.freedesktop.DBus.Error.UnknownObject", "org.freedesktop.DBus.Error.UnknownMethod",
      "org.bluez.Error.DoesNotExist":
      PairingError(
        "bluetooth-device-lost", "Bluetooth no longer lists the device or the adapter: \(error)",
        fix: "switch the device to pairing and try again; 'bluetoothctl list' shows the adapters")
    case "org.bluez.Error.NotReady", "org.bluez.Error.Blocked":
      PairingError(
        "bluetooth-adapter-off", "the Bluetooth adapter is off: \(error)",
        fix: "rfkill unblock bluetooth && bluetoothctl power on")
    default: nil
    }
  }

  static func notRunning(_ error: DBusCallError) -> PairingError {
    PairingError(
      "bluetooth-not-running", "Bluetooth is not running: \(error)",
      fix: "sudo apt-get install bluez && sudo systemctl enable --now bluetooth")
  }

  /// Errors between adapter and device.
  private static func link(_ error: DBusCallError, _ device: BluetoothDevice?) -> PairingError? {
    let forget = "bluetoothctl remove \(device?.address ?? "ADDRESS")"
    func contains(_ texts: String...) -> Bool {
      let detail = error.detail.lowercased()
      return texts.contains { detail.contains($0) }
    }
    switch error.name {
    case "org.bluez.Error.AuthenticationRejected":
      return PairingError(
        "bluetooth-pairing-rejected", "the device rejected the pairing: \(error)",
        fix: "\(forget), hold its pairing buttons until the light flashes, and try again")
    case "org.bluez.Error.AuthenticationFailed", "org.bluez.Error.AuthenticationCanceled",
      "org.bluez.Error.AuthenticationTimeout":
      return PairingError(
        "bluetooth-pairing-failed", "the pairing failed: \(error)",
        fix:
          "\(forget), remove this machine from other hosts that the device is paired with, and try again with the device in pairing mode"
      )
    case "org.bluez.Error.InProgress":
      return PairingError(
        "bluetooth-busy", "another program is pairing or connecting the device: \(error)",
        fix: "close other Bluetooth settings, and try again")
    default: break
    }
    if error.name == "org.bluez.Error.ConnectionAttemptFailed"
      || contains("page-timeout", "page timeout", "host is down")
    {
      return PairingError(
        "bluetooth-device-unreachable", "the device did not answer over Bluetooth: \(error)",
        fix: "bring it within 2 m, check its battery, switch it to pairing again, and try again")
    }
    if contains("key-missing", "key missing", "not-supported", "refused", "invalid exchange") {
      return PairingError(
        "bluetooth-pairing-rejected", "the device refused the connection: \(error)",
        fix: "\(forget), hold its pairing buttons until the light flashes, and try again")
    }
    if contains("profile-unavailable", "protocol not available") {
      return PairingError(
        "bluetooth-input-missing", "Bluetooth has no support for input devices: \(error)",
        fix: "enable BlueZ's input plugin (no '-P input' or 'DisablePlugins'), then: sudo modprobe hidp uhid")
    }
    return nil
  }
}

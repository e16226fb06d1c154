import DeviceEmulation
import Devices
import Foundation
import Sensing
import Synchronization
import TestSupport
import Testing

@testable import Pairing

/// The machine with simulated Bluetooth and devices; real ones are tested in Tests/Rig.
struct PairingTests {
  /// A radio with one device that is found while `isVisible`.
  private final class PlayedBluetooth: Bluetooth {
    var device = BluetoothDevice(path: "/d", address: "AA:BB:CC:DD:EE:01", name: "Wireless Controller")
    var isVisible = true
    var refusal: PairingError?
    /// Errors of BlueZ by call.
    var errors: [String: DBusCallError] = [:]
    var log: [String] = []
    func adapter() throws -> BluetoothAdapter {
      if let refusal { throw refusal }
      return BluetoothAdapter(path: "/a", address: "11:22:33:44:55:66", name: "hci0")
    }
    private func called(_ name: String) throws {
      log.append(name)
      if let error = errors[name] { throw error }
    }
    func devices() throws -> [BluetoothDevice] {
      if let error = errors["devices"] { throw error }
      return isVisible ? [device] : []
    }
    func startDiscovery() throws { try called("search") }
    func stopDiscovery() { log.append("stop") }
    func pair(_: BluetoothDevice) throws {
      try called("pair")
      device.isPaired = true
    }
    func trust(_: BluetoothDevice) throws { try called("trust") }
    func connect(_: BluetoothDevice) throws {
      try called("connect")
      device.isConnected = true
    }
    func remove(_: BluetoothDevice) throws {}
    func wait(_: Double) throws {}
  }

  private final class PlayedHardware: PairingHardware {
    var device: (any FeatureAccess)?
    /// Polls of the cable until it is pulled out.
    var polls = 1
    var reportsEach = 4
    func cable(_: PairingDescription) throws -> (any FeatureAccess)? {
      polls -= 1
      return polls >= 0 ? device : nil
    }
    func reports(of _: DeviceDescription, address _: String?) -> Int { reportsEach }
  }

  private func run(
    _ family: String, _ bluetooth: PlayedBluetooth, _ hardware: PlayedHardware, settings: String? = nil
  ) throws -> (address: String?, steps: [PairingStep]) {
    var timeouts = PairingMachine.Timeouts()
    (timeouts.person, timeouts.device, timeouts.poll) = (0.2, 0.1, 0.01)
    var steps: [PairingStep] = []
    let machine = try PairingMachine(
      try TestPaths.description(family), bluetooth: { bluetooth }, hardware: hardware,
      inputSettings: settings,
      timeouts: timeouts, isCancelled: { false }, report: { steps.append($0) })
    let address = try? machine.run()
    return (address, steps)
  }

  private func emulated(_ family: String, _ part: String) throws -> any FeatureAccess {
    try EmulatedDevice(
      try TestPaths.description(family), options: .init(part: part, serial: "aa:bb:cc:dd:ee:01")
    ).responder
  }

  @Test func aPadPairedByCableStoresTheHostAddressAndSendsReports() throws {
    let (bluetooth, hardware) = (PlayedBluetooth(), PlayedHardware())
    let device = try emulated("sony-dualshock4", "usb")
    hardware.device = device
    let (address, steps) = try run("sony-dualshock4", bluetooth, hardware)
    #expect(address == "aa:bb:cc:dd:ee:01")
    #expect(bluetooth.log == ["search", "stop", "pair", "trust", "connect"])
    #expect(
      steps.filter { $0.state == .done }.map(\.step)
        == [.bluetooth, .cable, .address, .unplug, .search, .pair, .connect, .data])
    // Lowest byte first, where the next machine would read it.
    let reply: [UInt8] = try device.getFeature(id: 0x12, length: 16)
    #expect(Array(reply[10..<16]) == [0x66, 0x55, 0x44, 0x33, 0x22, 0x11])
  }

  @Test func aDeviceWithoutABondNeedsBlueZToAcceptIt() throws {
    let (bluetooth, hardware) = (PlayedBluetooth(), PlayedHardware())
    hardware.device = try emulated("sony-psmove-zcm1", "cable")
    let refused = try run("sony-psmove-zcm1", bluetooth, hardware)
    #expect(refused.address == nil)
    #expect(refused.steps.last?.step == .settings && refused.steps.last?.state == .failed)
    #expect(refused.steps.last?.fix?.contains("ClassicBondedOnly=false") == true)

    hardware.polls = 1
    let allowed = try run(
      "sony-psmove-zcm1", bluetooth, hardware, settings: "# x\n[General]\nClassicBondedOnly = false\n")
    #expect(allowed.address == "aa:bb:cc:dd:ee:01")
    #expect(!bluetooth.log.contains("pair") && bluetooth.log.contains("trust"))
  }

  @Test(
    arguments: [
      (nil, true), ("", true), ("[General]\n#ClassicBondedOnly=false\n", true),
      ("[Other]\nClassicBondedOnly=false\n", true), ("[General]\nClassicBondedOnly=true\n", true),
      ("[General]\r\nClassicBondedOnly=false\r\n", false),
    ] as [(String?, Bool)])
  func settingsAreReadAsBlueZReadsThem(_ text: String?, _ refuses: Bool) {
    #expect(BlueZSettings.refusesUnbonded(text) == refuses)
  }

  @Test func pairingFailsWithoutReports() throws {
    let (bluetooth, hardware) = (PlayedBluetooth(), PlayedHardware())
    bluetooth.device.name = "DualSense Wireless Controller"
    hardware.reportsEach = 0
    let (address, steps) = try run("sony-dualsense", bluetooth, hardware)
    #expect(address == nil)
    #expect(steps.contains { $0.step == .connect && $0.state == .done })
    #expect(steps.last?.step == .data && steps.last?.state == .failed)
    #expect(steps.last?.message.contains("no report came") == true)
  }

  @Test func aFailedStepReportsItsCause() throws {
    let (bluetooth, hardware) = (PlayedBluetooth(), PlayedHardware())
    bluetooth.refusal = PairingError(
      "bluetooth-adapter-missing", "this machine has no Bluetooth adapter", fix: "plug one in")
    #expect(
      try run("sony-dualsense", bluetooth, hardware).steps.last?.message.contains("no Bluetooth adapter")
        == true)
    bluetooth.refusal = nil
    #expect(try run("sony-dualshock4", bluetooth, hardware).steps.last?.step == .cable)
    bluetooth.isVisible = false
    let unseen = try run("sony-dualsense", bluetooth, hardware).steps.last
    #expect(unseen?.step == .search && unseen?.state == .failed)
    #expect(bluetooth.log.last == "stop")
  }

  /// What a call that finds its work done answers: a device connects by itself between two calls.
  @Test(arguments: [
    ("connect", "org.bluez.Error.AlreadyConnected"), ("connect", "org.bluez.Error.InProgress"),
    ("pair", "org.bluez.Error.AlreadyExists"),
  ])
  func whatIsDoneAlreadyIsNoFailure(_ call: String, _ name: String) throws {
    let bluetooth = PlayedBluetooth()
    bluetooth.device.name = "DualSense Wireless Controller"
    bluetooth.errors[call] = DBusCallError(name: name, detail: "Already done")
    let (address, steps) = try run("sony-dualsense", bluetooth, PlayedHardware())
    #expect(address == "aa:bb:cc:dd:ee:01" && steps.last?.step == .data && steps.last?.state == .done)
  }

  @Test(arguments: [
    (
      "search", "org.freedesktop.DBus.Error.AccessDenied", "", "may not use Bluetooth",
      "usermod -aG bluetooth"
    ),
    ("search", "org.freedesktop.DBus.Error.ServiceUnknown", "", "is not running", "enable --now bluetooth"),
    ("search", "org.bluez.Error.NotReady", "", "adapter is off", "rfkill unblock"),
    ("devices", "disconnected", "", "system bus was lost", "restart dbus bluetooth"),
    ("devices", "org.freedesktop.DBus.Error.NoReply", "", "does not answer", "restart bluetooth"),
    (
      "pair", "org.bluez.Error.AuthenticationRejected", "", "rejected the pairing",
      "bluetoothctl remove AA:BB"
    ),
    ("pair", "org.bluez.Error.AuthenticationFailed", "", "pairing failed", "bluetoothctl remove AA:BB"),
    ("pair", "org.bluez.Error.ConnectionAttemptFailed", "Page Timeout", "did not answer", "within 2 m"),
    ("pair", "org.bluez.Error.InProgress", "", "another program", "close other Bluetooth settings"),
    ("pair", "org.freedesktop.DBus.Error.NoReply", "", "does not answer", "restart bluetooth"),
    ("trust", "org.freedesktop.DBus.Error.AccessDenied", "", "may not use Bluetooth", "sudo"),
    ("connect", "org.bluez.Error.Failed", "br-connection-page-timeout", "did not answer", "within 2 m"),
    ("connect", "org.bluez.Error.Failed", "Host is down", "did not answer", "within 2 m"),
    ("connect", "org.bluez.Error.Failed", "br-connection-refused", "refused the connection", "remove AA:BB"),
    (
      "connect", "org.bluez.Error.Failed", "br-connection-unknown", "reports an error",
      "journalctl -u bluetooth"
    ),
    ("connect", "org.freedesktop.DBus.Error.UnknownObject", "", "no longer lists", "try again"),
    ("connect", "timeout", "", "does not answer", "restart bluetooth"),
  ])
  func errorsOfBlueZNameARemedy(
    _ call: String, _ name: String, _ detail: String, _ problem: String, _ fix: String
  ) throws {
    let bluetooth = PlayedBluetooth()
    bluetooth.device.name = "DualSense Wireless Controller"
    bluetooth.errors[call] = DBusCallError(name: name, detail: detail)
    let (address, steps) = try run("sony-dualsense", bluetooth, PlayedHardware())
    #expect(address == nil && steps.last?.state == .failed)
    #expect(steps.last?.message.contains(problem) == true, "\(steps.last?.message ?? "")")
    #expect(steps.last?.fix?.contains(fix) == true, "\(steps.last?.fix ?? "")")
  }

  /// BlueZ reports a paired device in no search; a second of the kind can be paired beside it.
  @Test func aDeviceThatIsPairedAlreadyIsNamed() throws {
    let bluetooth = PlayedBluetooth()
    bluetooth.device.name = "DualSense Wireless Controller"
    bluetooth.device.isPaired = true
    let last = try run("sony-dualsense", bluetooth, PlayedHardware()).steps.last
    #expect(last?.step == .search && last?.fix?.contains("bluetoothctl remove AA:BB:CC:DD:EE:01") == true)
  }

  @Test func settingsThatCannotBeReadAreNotTakenForMissing() throws {
    let folder = try TestPaths.temporaryFolder()
    #expect(try BlueZSettings.text(of: folder + "/missing") == nil)
    try Data([0x23, 0xE9, 0x0A]).write(to: URL(fileURLWithPath: folder + "/latin1"))
    for file in [folder, folder + "/latin1"] {
      let error = #expect(throws: PairingError.self) { try BlueZSettings.text(of: file) }
      #expect(error?.problem.contains(file) == true && error?.fix.contains("chmod") == true)
    }
  }

  /// A copy that replies with zeros, one that stores no address, one that replies too briefly.
  @Test func copiesWithInvalidAddressesAreRejected() throws {
    final class Liar: FeatureAccess {
      let reply: [UInt8]
      init(_ reply: [UInt8]) { self.reply = reply }
      func getFeature(id: UInt8, length: Int) throws(TransportError) -> [UInt8] { reply }
      func setFeature(_ report: [UInt8]) throws(TransportError) {}
      func writeOutput(_ report: [UInt8]) throws(TransportError) {}
      func nextInput(within milliseconds: Int) throws(TransportError) -> [UInt8]? { nil }
    }
    for (reply, problem) in [
      ([0x12] + [UInt8](repeating: 0, count: 15), "reports no address"),
      ([0x12] + [UInt8](1...15), "did not store the address"), ([0x12, 1], "is invalid"),
    ] {
      let hardware = PlayedHardware()
      hardware.device = Liar(reply)
      let last = try run("sony-dualshock4", PlayedBluetooth(), hardware).steps.last
      #expect(last?.step == .address && last?.state == .failed && last?.message.contains(problem) == true)
    }
  }

  @Test func aReceiverIsSwitchedToPairing() throws {
    let hardware = PlayedHardware()
    let device = try EmulatedDevice(
      try TestPaths.description("htc-vive-wand"), options: .init(part: "radio", serial: "LHR-1"))
    hardware.device = device.responder
    let (address, steps) = try run("htc-vive-wand", PlayedBluetooth(), hardware)
    #expect(address == "" && steps.last?.step == .data && steps.last?.state == .done)
    #expect(
      device.responder.written.map { Array($0.prefix(7)) } == [[0xff, 0xad, 0x03, 0x01, 0x10, 0x27, 0]])
    #expect(device.responder.written.first?.count == 64)
  }
}

import Sensing
import Spatial
import Synchronization
import TestSupport
import Testing
import Tracking
import TrackingPipeline

@testable import Bridge
@testable import BridgeProtocol
@testable import Devices

/// The registry and the node table on their own: no thread, no bridge.
struct DeviceRegistryTests {
  private let headset: DeviceDescription
  private let wand: DeviceDescription

  init() throws {
    headset = try TestPaths.description("htc-vive")
    wand = try TestPaths.description("htc-vive-wand")
  }

  private func identity(
    serial: String = "", port: String = "usb-1", origin: Origin = .hardware
  ) -> InterfaceIdentity {
    InterfaceIdentity(
      bus: .usb, vendor: 0x28de, product: 0x2000, serial: serial, physicalPath: port + "/input0",
      origin: origin)
  }

  @discardableResult
  private func add(
    to registry: DeviceRegistry, _ description: DeviceDescription, _ identity: InterfaceIdentity,
    _ wish: DeviceRegistry.RoleWish = .init()
  ) -> DeviceID? {
    registry.add(
      DeviceKey(identity, description), serial: identity.serial, description, origin: identity.origin,
      role: wish
    ) { id, role, slot in
      PipelineReference(
        pipeline: DevicePipeline(
          id: id, role: role, slot: slot, partCount: description.parts.count,
          tracker: DeviceTracker(
            calibration: InertialCalibration(), sampleRate: 1000, clock: nil, origin: identity.origin),
          outputs: PipelineOutputs()))
    }
  }

  private func connect(_ registry: DeviceRegistry, _ id: DeviceID, _ description: DeviceDescription) throws {
    let part = try #require(description.parts.indices.first { description.isPrimary($0) })
    let device = try #require(registry.device(id))
    let arrival = registry.open(
      DeviceRecord.OpenInterface(
        transport: PlayedTransport(identity()), part: description.parts[part],
        node: NodeKey(path: "/dev/hidraw7", family: description.family)),
      at: PartKey(device: id, part: part), key: device.key,
      DeviceRecord.Configured(serial: "LHR-9", calibration: .factory))
    #expect(arrival?.id == id)
  }

  @Test func devicesGetIdsSlotsAndTheFirstFreeRole() throws {
    let registry = DeviceRegistry()
    let first = try #require(add(to: registry, wand, identity(serial: "A")))
    let second = try #require(add(to: registry, wand, identity(serial: "B")))
    let third = try #require(add(to: registry, wand, identity(serial: "C")))
    let roles = [first, second, third].map { registry.device($0)?.role }
    #expect([first, second, third].map(\.number) == [1, 2, 3])
    #expect([first, second, third].map { registry.device($0)?.slot } == [0, 1, 2])
    #expect(roles == [wand.roles[0], wand.roles[1], DeviceRole.none] as [DeviceRole?])
    #expect(registry.slot(role: wand.roles[1]) == 1)
  }

  @Test func aRequiredRoleOverridesARememberedOneAndATakenRoleIsNotRemembered() throws {
    let registry = DeviceRegistry()
    let first = try #require(
      add(to: registry, wand, identity(serial: "A"), .init(required: .waist, remembered: .chest)))
    let second = try #require(add(to: registry, wand, identity(serial: "B"), .init(remembered: .chest)))
    let third = try #require(add(to: registry, wand, identity(serial: "C"), .init(remembered: .chest)))
    #expect([first, second].map { registry.device($0)?.role } == [.waist, .chest])
    #expect(registry.device(third)?.role == wand.roles[0])
  }

  @Test func aDeviceThatWaitsToBeAcceptedHasNoRoleAndDisplacesNone() throws {
    let registry = DeviceRegistry()
    let waiting = try #require(
      add(to: registry, wand, identity(serial: "W"), .init(required: .waist, isAccepted: false)))
    #expect(registry.device(waiting)?.role == DeviceRole.none)
    #expect(registry.assign(.waist, to: waiting).isEmpty)
    var ids: [DeviceID] = []
    for index in 1..<PosePage.slotCount {
      ids.append(try #require(add(to: registry, headset, identity(serial: "S\(index)"))))
    }
    // All are lost; none gives its slot to a device that is not accepted, which is the first to give up its own.
    #expect(add(to: registry, wand, identity(serial: "V"), .init(isAccepted: false)) == nil)
    let late = try #require(add(to: registry, headset, identity(serial: "late")))
    #expect(registry.device(waiting) == nil && registry.device(late)?.slot == 0)
    #expect(ids.allSatisfy { registry.device($0) != nil })
    registry.remove(ids[4])
    let next = try #require(add(to: registry, wand, identity(serial: "N"), .init(isAccepted: false)))
    #expect(registry.device(next)?.slot == 5)
  }

  @Test func anInterfaceIsFoundBySerialNumberElseByPort() throws {
    let registry = DeviceRegistry()
    let named = try #require(add(to: registry, headset, identity(serial: "A", port: "usb-1.1")))
    let unnamed = try #require(add(to: registry, headset, identity(port: "usb-2.1")))
    func find(_ identity: InterfaceIdentity) -> DeviceID? {
      registry.find(DeviceKey(identity, headset), serial: identity.serial, origin: identity.origin)
    }
    #expect(find(identity(serial: "A", port: "usb-9.1")) == named)
    #expect(find(identity(port: "usb-2.1")) == unnamed)
    #expect(find(identity(serial: "A", port: "usb-1.1", origin: .emulated)) == nil)
    #expect(find(identity(serial: "Z", port: "usb-1.1")) == nil)
  }

  /// Clones of one serial number, or on one port, are two devices while both are connected.
  @Test func unitsThatShareASerialNumberOrAPortAreDistinct() throws {
    let registry = DeviceRegistry()
    let part = try #require(headset.parts.indices.first { headset.isPrimary($0) })
    func admit(_ identity: InterfaceIdentity, _ unit: String) throws -> DeviceID {
      let found = registry.find(
        DeviceKey(identity, headset), serial: identity.serial, origin: identity.origin, part: part,
        unit: UnitKey(unit))
      let id = try #require(found ?? add(to: registry, headset, identity))
      registry.claim(PartKey(device: id, part: part), for: UnitKey(unit))
      return id
    }
    let same = [identity(serial: "A", port: "usb-1.1"), identity(serial: "A", port: "usb-2.1")]
    let ids = try [admit(same[0], "a"), admit(same[1], "b")]
    #expect(ids[0] != ids[1])
    #expect(try admit(same[0], "a") == ids[0] && admit(same[1], "b") == ids[1])
    // Plugged in again, each is found at its port; another port leaves the serial number.
    for id in ids { _ = registry.close(PartKey(device: id, part: part), now: 1) }
    #expect(try admit(same[1], "c") == ids[1])
    #expect(try admit(identity(serial: "A", port: "usb-9.1"), "d") == ids[0])

    let onePort = [identity(serial: "B", port: "usb-3.1"), identity(serial: "C", port: "usb-3.1")]
    #expect(try admit(onePort[0], "e") != admit(onePort[1], "f"))

    // A serial number of zeros identifies nothing.
    let zeros = ["00:00:00:00:00:00", "0", "ff:ff:ff:ff:ff:ff"]
    #expect(zeros.allSatisfy { !isIdentifying($0) } && isIdentifying("A") && isIdentifying("LHR-00000000"))
    let first = try admit(identity(serial: zeros[0], port: "usb-4.1"), "g")
    _ = registry.close(PartKey(device: first, part: part), now: 2)
    #expect(try admit(identity(serial: zeros[0], port: "usb-5.1"), "h") != first)
    #expect(try admit(identity(serial: zeros[0], port: "usb-4.1"), "i") == first)
  }

  @Test func theInterfacesOfAUSBDeviceAreOneUnit() {
    func unit(_ sysPath: String) -> UnitKey {
      UnitKey(
        DeviceNode(
          path: "/dev/x", sysPath: sysPath, identity: identity(), driver: "", tags: [], usbDriver: ""))
    }
    let usb = "/sys/devices/pci0000:00/0000:00:14.0/usb1/1-2"
    let first = unit("\(usb)/1-2:1.0/0003:054C:09CC.0001/hidraw/hidraw0")
    #expect(first == unit("\(usb)/1-2:1.3/0003:054C:09CC.0002/hidraw/hidraw1"))
    #expect(
      first
        != unit("/sys/devices/pci0000:00/0000:00:14.0/usb1/1-3/1-3:1.0/0003:054C:09CC.0003/hidraw/hidraw2"))
    let virtual = "/sys/devices/virtual/misc/uhid/0003:054C:09CC"
    #expect(unit("\(virtual).0004/hidraw/hidraw3") != unit("\(virtual).0005/hidraw/hidraw4"))
  }

  @Test func aDeviceWithLimitationsIsDegradedWhileItStreams() throws {
    let registry = DeviceRegistry()
    let id = try #require(add(to: registry, headset, identity()))
    try connect(registry, id, headset)
    _ = registry.enter(.streaming, "", id, now: 1_000)
    #expect(registry.limit(.clock, "its clock does not advance", id) != nil)
    #expect(registry.limit(.clock, "its clock does not advance", id) == nil)
    let limited = try #require(registry.enter(.streaming, "", id, now: 1_100))
    #expect(limited.state == .degraded && limited.reason == "its clock does not advance" && limited.isLimited)
    _ = registry.limit(.sensor, "its IMU reports an error", id)
    let both = try #require(registry.enter(.streaming, "", id, now: 1_200))
    #expect(both.reason == "its IMU reports an error; its clock does not advance")
    // It falls silent, and sends again.
    #expect(registry.silences(now: 2_500, limit: 1_000).map(\.isSilent) == [true])
    _ = registry.enter(.degraded, DeviceRegistry.silent + " although it is open", id, now: 2_500)
    #expect(registry.enter(.streaming, "", id, now: 2_600)?.isLimited == true)
    // A device that comes again starts without.
    let part = try #require(headset.parts.indices.first { headset.isPrimary($0) })
    _ = registry.close(PartKey(device: id, part: part), now: 3_000)
    #expect(registry.device(id)?.limitations.isEmpty == true)
  }

  @Test func assigningATakenRoleSwapsTheTwo() throws {
    let registry = DeviceRegistry()
    let left = try #require(add(to: registry, wand, identity(serial: "A"), .init(required: .leftHand)))
    let right = try #require(add(to: registry, wand, identity(serial: "B"), .init(required: .rightHand)))
    let changed = registry.assign(.rightHand, to: left)
    #expect(Set(changed.map(\.id)) == [left, right])
    #expect(registry.device(left)?.role == .rightHand && registry.device(right)?.role == .leftHand)
    #expect(registry.assign(.rightHand, to: left).isEmpty)
    #expect(registry.assign(.head, to: DeviceID(99)).isEmpty)
    // Several devices may be trackers.
    _ = registry.assign(.tracker, to: left)
    #expect(registry.assign(.tracker, to: right).map(\.id) == [right])
  }

  @Test func openingConnectsAndClosingDisconnects() throws {
    let registry = DeviceRegistry()
    let id = try #require(add(to: registry, headset, identity()))
    #expect(registry.statuses.map(\.isConnected) == [false] && !registry.isWatchful)
    try connect(registry, id, headset)
    let status = try #require(registry.statuses.first)
    #expect(status.isConnected && status.serial == "LHR-9" && status.health.calibration == .factory)
    #expect(status.port == DeviceKey(identity(), headset).port && registry.isWatchful)
    #expect(registry.headsetPorts == [status.port])
    let part = try #require(headset.parts.indices.first { headset.isPrimary($0) })
    let closed = registry.close(PartKey(device: id, part: part), now: 77)
    #expect(closed.node?.path == "/dev/hidraw7" && closed.lost?.lostAt == 77)
    #expect(registry.statuses.map(\.isConnected) == [false] && registry.headsetPorts.isEmpty)
    #expect(registry.close(PartKey(device: id, part: part), now: 78).lost == nil)
  }

  @Test func aFullPageReusesTheSlotThatWasLostFirst() throws {
    let registry = DeviceRegistry()
    var ids: [DeviceID] = []
    for index in 0..<PosePage.slotCount {
      let id = try #require(add(to: registry, headset, identity(serial: "S\(index)")))
      try connect(registry, id, headset)
      ids.append(id)
    }
    #expect(add(to: registry, headset, identity(serial: "late")) == nil)
    let part = try #require(headset.parts.indices.first { headset.isPrimary($0) })
    _ = registry.close(PartKey(device: ids[5], part: part), now: 200)
    _ = registry.close(PartKey(device: ids[3], part: part), now: 100)
    let late = try #require(add(to: registry, headset, identity(serial: "late")))
    #expect(registry.device(late)?.slot == 3 && registry.device(ids[3]) == nil)
    #expect(registry.device(ids[5]) != nil && late.number == UInt32(PosePage.slotCount) + 1)
  }

  @Test func aStateIsEnteredOncePerReason() throws {
    let registry = DeviceRegistry()
    let id = try #require(add(to: registry, headset, identity()))
    #expect(registry.enter(.blocked, "in use", id, now: 5)?.stateSince == 5)
    #expect(registry.enter(.blocked, "in use", id, now: 6) == nil)
    #expect(registry.enter(.blocked, "forbidden", id, now: 7)?.reason == "forbidden")
    #expect(registry.enter(.lost, "", DeviceID(99), now: 8) == nil)
  }

  @Test func silenceIsReportedOnceAndEndsWithTheNextReport() throws {
    let registry = DeviceRegistry()
    let id = try #require(add(to: registry, headset, identity()))
    try connect(registry, id, headset)
    _ = registry.enter(.streaming, "", id, now: 1_000)
    let statistics = try #require(registry.device(id)?.statistics)
    #expect(registry.silences(now: 1_500, limit: 1_000).isEmpty)
    let silent = registry.silences(now: 2_500, limit: 1_000)
    #expect(silent.map(\.isSilent) == [true] && silent.first?.silentFor == 1_500)
    _ = registry.enter(.degraded, DeviceRegistry.silent + " although it is open", id, now: 2_500)
    #expect(registry.silences(now: 3_000, limit: 1_000).isEmpty)
    statistics.reports.add(1, ordering: .relaxed)
    #expect(registry.silences(now: 3_100, limit: 1_000).map(\.isSilent) == [false])
  }

  @Test func aNodeIsOpenOnlyWhenTheOpeningThatEndsIsItsOwn() {
    let nodes = HardwareNodes()
    let node = DeviceNode(
      path: "/dev/hidraw1", sysPath: "", identity: identity(), driver: "", tags: [], usbDriver: "")
    let entry = HardwareNode(node: node, family: "f", device: nil, status: .blocked(retryAt: 50))
    nodes.set(entry)
    #expect(nodes.due(now: 49).isEmpty && nodes.due(now: 50).map(\.key) == [entry.key])
    nodes.beginOpening(entry.key, number: 1, device: DeviceID(1))
    #expect(nodes.due(now: .max).isEmpty && !nodes.endOpening(entry.key, number: 2))
    #expect(nodes.endOpening(entry.key, number: 1) && nodes.isOpen(entry.key))
    nodes.ended(entry.key)
    #expect(nodes.isEmpty && !nodes.endOpening(entry.key, number: 1))
    // A refused node stays until it is unplugged.
    nodes.set(entry)
    nodes.refuse(entry.key)
    nodes.ended(entry.key)
    #expect(nodes.contains(entry.key) && nodes.due(now: .max).isEmpty)
    #expect(nodes.remove(at: "/dev/hidraw1").map(\.status) == [.refused] && nodes.isEmpty)
  }
}

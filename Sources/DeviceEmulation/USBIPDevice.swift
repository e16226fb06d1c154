import CLinux
import Devices
import Glibc
import Sensing
import Spatial

/// Plugs an emulated device into this machine's virtual USB host controller (`vhci_hcd`): the kernel enumerates
/// it, binds `usbhid` and makes hidraw nodes, as it would for one on a cable.
///
/// Speaks USB/IP (Documentation/usb/usbip_protocol.rst of the kernel) over one end of a socket pair whose other
/// end the kernel is given: no network and no tool is involved, and closing it pulls the plug.
public final class USBIPDevice {
  private let device: EmulatedUSBDevice
  private let socket: Int32
  /// Requests for reports that wait, and reports that wait for requests, by interface.
  private var requests: [[UInt32]]
  private var reports: [[[UInt8]]]
  private var start = Timestamp(nanoseconds: 0)
  private var generators: [EmulatedDevice.Generator] = []
  /// Samples made by each interface.
  private var made: [Int] = []
  /// Reports that were made while the host did not ask: the device's loss, not the kernel's.
  public private(set) var skipped = 0
  public private(set) var sentReports = 0
  /// Told of each report as it goes out: the time, ns of CLOCK_MONOTONIC.
  public var trace: ((Int64) -> Void)?

  public var serial: String { device.interfaces.first?.device.identity.serial ?? "" }

  /// What a device may do wrong.
  public static var faults: [String] { EmulatedUSBDevice.Fault.allCases.map(\.rawValue) }

  /// - Parameters:
  ///   - parts: the interfaces of one vendor and product.
  ///   - fault: one of `faults`.
  public init(_ parts: [EmulatedDevice], fault: String? = nil) throws(TransportError) {
    device = EmulatedUSBDevice(parts, fault: fault.flatMap(EmulatedUSBDevice.Fault.init(rawValue:)))
    requests = Array(repeating: [], count: parts.count)
    reports = Array(repeating: [], count: parts.count)
    var ends: [Int32] = [0, 0]
    guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0 else {
      throw TransportError("make a socket pair", code: errno)
    }
    socket = ends[0]
    defer { Glibc.close(ends[1]) }
    do {
      try Self.attach(ends[1])
    } catch {
      Glibc.close(socket)
      throw error
    }
  }

  deinit { Glibc.close(socket) }

  private static let controller = "/sys/devices/platform/vhci_hcd.0"

  /// Gives the kernel its end at a free port.
  private static func attach(_ end: Int32) throws(TransportError) {
    // Another process may take the same port between reading and writing.
    for _ in 0..<10 {
      let port = try freePort()
      let file = Glibc.open(controller + "/attach", O_WRONLY | O_CLOEXEC)
      guard file >= 0 else { throw TransportError("open \(controller)/attach", code: errno) }
      defer { Glibc.close(file) }
      // port, descriptor, device id (bus 1, device port + 2), speed 2 = full.
      let line = "\(port) \(end) \(1 << 16 | (port + 2)) 2"
      if write(file, line, line.utf8.count) == line.utf8.count { return }
      guard errno == EBUSY || errno == EINVAL else {
        throw TransportError("attach to \(controller)", code: errno)
      }
    }
    throw TransportError("attach to \(controller)", code: EBUSY)
  }

  private static func freePort() throws(TransportError) -> Int {
    guard let file = fopen(controller + "/status", "r") else {
      throw TransportError("read \(controller)/status", code: errno)
    }
    defer { fclose(file) }
    var text = [CChar](repeating: 0, count: 8192)
    let count = fread(&text, 1, text.count - 1, file)
    let lines = String(decoding: text.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self).split(
      separator: "\n")
    for line in lines {
      let words = line.split(separator: " ")
      // Columns: hub, port, state (4 is free), …; high- and full-speed ports are of the hub "hs".
      if words.count > 2, words[0] == "hs", Int(words[2]) == 4, let port = Int(words[1]) { return port }
    }
    throw TransportError("find a free port of \(controller)", code: EBUSY)
  }

  /// Answers the kernel and sends the devices' reports until `stop` is readable, `seconds` are over, or the kernel has
  /// let go of all of them. Many are served by one thread: who has one processor can't afford a process for each.
  ///
  /// - Parameters:
  ///   - period: seconds from one call of `tell` to the next.
  public static func run(
    _ devices: [USBIPDevice], until stop: Int32, seconds: Double? = nil, every period: Double = .infinity,
    tell: () -> Void = {}
  ) throws {
    let start = Timestamp(nanoseconds: linux_monotonic_ns())
    let end = seconds.map { start.advanced(bySeconds: $0).nanoseconds } ?? .max
    for device in devices {
      device.start = start
      device.generators = try device.device.interfaces.map { try $0.device.generator() }
      device.made = Array(repeating: 0, count: device.generators.count)
    }
    var plugged = devices
    var told = 0.0
    func telling() -> Int64 {
      period.isFinite ? start.advanced(bySeconds: (told + 1) * period).nanoseconds : .max
    }
    while !plugged.isEmpty {
      let now = linux_monotonic_ns()
      guard now < end else { return }
      if now >= telling() {
        tell()
        told += 1
      }
      var next = min(end, telling())
      plugged.removeAll { device in
        guard let due = device.advance(to: now) else { return true }
        next = min(next, due)
        return false
      }
      // A timer would cost a call for each report.
      let descriptors = [stop] + plugged.map(\.socket)
      let ready = linux_wait_until(descriptors, Int32(descriptors.count), next)
      if ready & 1 != 0 { return }
      var place: UInt64 = 1
      plugged.removeAll { device in
        place <<= 1
        return ready & place != 0 && !device.serve()
      }
    }
  }

  /// Sends what the device has measured by now.
  ///
  /// - Returns: when the next report is due; nil when the kernel has let go.
  private func advance(to now: Int64) -> Int64? {
    var next = Int64.max
    for index in generators.indices {
      // A device's clock does not wait for a host that is late: what was not fetched in time is skipped.
      while due(index) <= now {
        made[index] += 1
        for report in generators[index].next().reports { enqueue(report, index) }
      }
      next = min(next, due(index))
    }
    return sendReports() ? next : nil
  }

  private func due(_ index: Int) -> Int64 {
    start.advanced(bySeconds: Double(made[index]) / device.interfaces[index].device.sampleRate).nanoseconds
  }

  private func enqueue(_ report: [UInt8], _ index: Int) {
    // A device holds little; what the host does not fetch is overwritten.
    if reports[index].count >= 16 {
      reports[index].removeFirst()
      skipped += 1
    }
    reports[index].append(device.sent(report, by: index))
  }

  /// Input reports that answer an output report go out before what is measured next.
  private func takeAnswers() {
    for (index, interface) in device.interfaces.enumerated() {
      while let input = interface.device.responder.nextInput() {
        reports[index].insert(device.sent(input, by: index), at: 0)
      }
    }
  }

  private func sendReports() -> Bool {
    for index in requests.indices {
      while let request = requests[index].first, let report = reports[index].first {
        requests[index].removeFirst()
        reports[index].removeFirst()
        trace?(linux_monotonic_ns())
        guard answer(request, status: 0, data: report, length: report.count) else { return false }
        sentReports += 1
      }
    }
    return true
  }

  // MARK: USB/IP

  private static let submit: UInt32 = 1
  private static let unlink: UInt32 = 2
  private static let headerSize = 48

  /// Takes one request.
  ///
  /// - Returns: false when the kernel has let go.
  private func serve() -> Bool {
    guard let header = receive(Self.headerSize) else { return false }
    func word(_ index: Int) -> UInt32 {
      header[(4 * index)..<(4 * index + 4)].reduce(0) { $0 << 8 | UInt32($1) }
    }
    let (command, sequence, isIn, endpoint) = (word(0), word(1), word(3) != 0, word(4))
    switch command {
    case Self.submit:
      let length = Int(word(6))
      guard length <= 1 << 16 else { return false }
      var data: [UInt8] = []
      if !isIn, length > 0 {
        guard let received = receive(length) else { return false }
        data = received
      }
      if endpoint == 0 { return control(sequence, Array(header[40..<48]), data) }
      let place = device.interfaces.firstIndex {
        $0.endpoint == endpoint || (!isIn && $0.device.match.part.usb?.output.map(UInt32.init) == endpoint)
      }
      guard let index = place else {
        return answer(sequence, status: -EPIPE, data: [], length: 0)
      }
      if isIn {
        requests[index].append(sequence)
        return sendReports()
      }
      device.interfaces[index].device.responder.output(data)
      takeAnswers()
      return answer(sequence, status: 0, data: [], length: length) && sendReports()
    case Self.unlink:
      let victim = word(5)
      var status: Int32 = 0
      for index in requests.indices {
        if let place = requests[index].firstIndex(of: victim) {
          requests[index].remove(at: place)
          status = -ECONNRESET
        }
      }
      return send([4, sequence, 0, 0, 0, UInt32(bitPattern: status)], [])
    default: return false
    }
  }

  private func control(_ sequence: UInt32, _ setup: [UInt8], _ data: [UInt8]) -> Bool {
    switch device.control(setup: setup, data: data) {
    case .data(let bytes): return answer(sequence, status: 0, data: bytes, length: bytes.count)
    case .done:
      takeAnswers()
      return answer(sequence, status: 0, data: [], length: data.count) && sendReports()
    case .stall: return answer(sequence, status: -EPIPE, data: [], length: 0)
    case .never: return true
    }
  }

  private func answer(_ sequence: UInt32, status: Int32, data: [UInt8], length: Int) -> Bool {
    send(
      [3, sequence, 0, 0, 0, UInt32(bitPattern: status), UInt32(length), 0, .max, 0], data)
  }

  private func send(_ words: [UInt32], _ data: [UInt8]) -> Bool {
    var bytes = words.flatMap {
      [UInt8($0 >> 24), UInt8($0 >> 16 & 255), UInt8($0 >> 8 & 255), UInt8($0 & 255)]
    }
    bytes += [UInt8](repeating: 0, count: Self.headerSize - bytes.count) + data
    var place = 0
    while place < bytes.count {
      let count = bytes.withUnsafeBytes {
        linux_send(socket, $0.baseAddress.map { $0 + place }, $0.count - place, -1)
      }
      if count <= 0 { return false }
      place += count
    }
    return true
  }

  private func receive(_ count: Int) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: count)
    var place = 0
    while place < count {
      let got = bytes.withUnsafeMutableBytes {
        recv(socket, $0.baseAddress.map { $0 + place }, count - place, 0)
      }
      if got < 0, errno == EINTR { continue }
      if got <= 0 { return nil }
      place += got
    }
    return bytes
  }
}

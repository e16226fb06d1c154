import CLinux
import Devices
import Glibc
import Sensing
import Spatial
import Synchronization

/// A device that is not there: a motion with known truth, sent through the errors of an inertial unit and the
/// inverse of the decoder.
public final class EmulatedDevice: Sendable {
  public struct Options: Sendable {
    /// Part of the description to emulate; nil takes the first that reports motion.
    public var part: String?
    public var motion: HeadMotion
    public var errors: InertialErrors
    public var serial: String
    /// Samples per second; nil takes the description's.
    public var sampleRate: Double?
    /// Samples in one report, where the format has room for several.
    public var samplesPerReport: Int
    public var seed: UInt64

    public init(
      part: String? = nil, motion: HeadMotion = .lookingAround(), errors: InertialErrors = .none,
      serial: String = "EMULATED-1", sampleRate: Double? = nil, samplesPerReport: Int = 1,
      seed: UInt64 = 1
    ) {
      self.part = part
      self.motion = motion
      self.errors = errors
      self.serial = serial
      self.sampleRate = sampleRate
      self.samplesPerReport = samplesPerReport
      self.seed = seed
    }
  }

  public let match: DeviceCatalog.Match
  public let options: Options
  public let identity: InterfaceIdentity
  public let descriptorBytes: [UInt8]
  public let responder: EmulatedFeatures
  public let sampleRate: Double

  public init(_ description: DeviceDescription, options: Options) throws(LayoutError) {
    let candidates = description.parts.indices.filter { index in
      let part = description.parts[index]
      if let wanted = options.part { return part.name == wanted }
      return part.reports.contains { $0.samples != nil || $0.orientation != nil }
    }
    guard let index = candidates.first else {
      let names = description.parts.map(\.name).joined(separator: ", ")
      throw LayoutError(
        description: options.part.map { "\(description.family) has no part '\($0)'; it has: \(names)" }
          ?? "\(description.family) has no part that reports motion")
    }
    match = DeviceCatalog.Match(description: description, partIndex: index)
    self.options = options
    let part = match.part
    let rule = part.match.first
    identity = InterfaceIdentity(
      bus: rule?.bus ?? .usb, vendor: rule?.vendor ?? 0, product: rule?.product ?? 0, serial: options.serial,
      interfaceNumber: rule?.interfaceNumber, physicalPath: "emulated-\(options.serial)/input0",
      name: "\(rule?.nameContains ?? description.name) (emulated)", origin: .emulated)
    // What pairs by cable does so on USB.
    let pairing = identity.bus == .usb ? description.pairing : nil
    // An interface also answers what is asked there for other parts; one that is emulated alone answers all of its own.
    let others = description.parts.filter { $0.name != part.name }.flatMap(\.stored)
    let stored = part.stored + others.filter { $0.part == part.name }
    descriptorBytes = EmulatedDescriptor.bytes(for: part, pairing: pairing, stored: stored)
    responder = EmulatedFeatures(part: part, serial: options.serial, pairing: pairing, stored: stored)
    sampleRate = options.sampleRate ?? (part.sampleRate > 0 ? part.sampleRate : 100)
  }

  public var descriptor: HIDReportDescriptor? { try? HIDReportDescriptor(descriptorBytes) }

  /// One sample's worth of reports and the truth behind it.
  public struct Step: Sendable {
    /// Seconds since the device started.
    public var time: Double
    public var truth: HeadMotion.State
    /// What the decoder must give back, to the quantisation step: truth with the unit's errors.
    public var rate: Vector3
    public var force: Vector3
    public var reports: [[UInt8]]
  }

  /// Makes the device's reports one sample after the other.
  public struct Generator {
    private let device: EmulatedDevice
    public let encoder: ReportEncoder
    private var random: SeededRandom
    private var index = 0
    private var values: [Float]

    init(_ device: EmulatedDevice) throws {
      self.device = device
      var replies: [String: [UInt8]] = [:]
      for feature in device.match.part.features {
        replies[feature.name] = device.responder.getFeature(id: feature.id, length: feature.length)
      }
      let opened = try PartOpener.open(
        device.match, features: device.responder, descriptor: device.descriptor)
      encoder = try ReportEncoder(device.match, opened: opened, replies: replies)
      encoder.samplesPerReport = device.options.samplesPerReport
      random = SeededRandom(seed: device.options.seed)
      values = Array(repeating: 0, count: device.match.description.controls.count)
    }

    public mutating func next() -> Step {
      let time = Double(index) / device.sampleRate
      index += 1
      let jitter = device.options.errors.timestampJitter
      let truth = device.options.motion.state(at: jitter > 0 ? time + random.gaussian() * jitter : time)
      let (rate, force) = device.options.errors.apply(
        rate: truth.angularVelocity, force: truth.specificForce, sampleRate: device.sampleRate,
        random: &random)
      moveControls(time)
      let reports = encoder.reports(
        rate: rate, force: force, orientation: truth.worldFromDevice.orientation, time: time,
        controlValues: values)
      return Step(time: time, truth: truth, rate: rate, force: force, reports: reports)
    }

    /// Triggers and axes swing slowly, buttons are pressed one after the other.
    private mutating func moveControls(_ time: Double) {
      for (index, control) in device.match.description.controls.enumerated() {
        let phase = time * 0.7 + Double(index)
        switch control.kind {
        case .axis: values[index] = Float(sin(phase))
        case .trigger: values[index] = Float(0.5 - 0.5 * cos(phase))
        case .button, .touch: values[index] = Int(time + Double(index)) % 8 == 0 ? 1 : 0
        }
      }
    }
  }

  /// What a bridge that opens the device reads from it, for recordings.
  public func featureTranscript() throws -> [FeatureExchange] {
    let listener = FeatureListener(responder)
    _ = try PartOpener.open(match, features: listener, descriptor: descriptor)
    return listener.exchanges
  }

  public func generator() throws -> Generator { try Generator(self) }

  /// Makes the device's end of a packet socket and its reader.
  public func connect() throws(TransportError) -> (reader: PipeTransport, writer: ReportPipe) {
    try ReportPipe.make(identity: identity, descriptor: descriptor, responder: responder)
  }

  /// Sends reports in real time until `stop` is readable or the reader is gone.
  public func run(into writer: ReportPipe, from start: Timestamp, until stop: Int32) throws {
    var generator = try generator()
    try paced(from: start, until: stop) { _ in
      let step = generator.next()
      let now = Timestamp(nanoseconds: linux_monotonic_ns())
      return step.reports.allSatisfy { writer.send($0, at: now) }
    }
  }

  /// Calls `body` at the sample rate. When the machine was busy, missed samples follow at once.
  func paced(from start: Timestamp, until stop: Int32, _ body: (Int) -> Bool) throws(TransportError) {
    let timer = linux_timerfd()
    guard timer >= 0 else { throw TransportError("make a timer", code: -timer) }
    defer { Glibc.close(timer) }
    var index = 0
    while true {
      let due = start.advanced(bySeconds: Double(index) / sampleRate)
      if linux_monotonic_ns() < due.nanoseconds {
        linux_timerfd_set_at(timer, due.nanoseconds)
        var descriptors = [
          pollfd(fd: timer, events: Int16(POLLIN), revents: 0),
          pollfd(fd: stop, events: Int16(POLLIN), revents: 0),
        ]
        while poll(&descriptors, 2, -1) < 0, errno == EINTR {}
        if descriptors[1].revents != 0 { return }
      }
      guard body(index) else { return }
      index += 1
    }
  }
}

/// Feature reports of an emulated device: those of its description, the configuration that its driver reads,
/// and whatever was written.
public final class EmulatedFeatures: FeatureAccess, FeatureResponder {
  private struct State {
    var features: [UInt8: [UInt8]] = [:]
    /// Of features that come in blocks: all of them, and which is next.
    var blocks: [UInt8: (list: [[UInt8]], next: Int)] = [:]
    var written: [[UInt8]] = []
    var outputs: [[UInt8]] = []
    var stored: [EmulatedStoredData] = []
    /// Answers to output reports that nobody has taken.
    var inputs: [[UInt8]] = []
    /// Answers to feature reports, by id.
    var featureAnswers: [UInt8: [UInt8]] = [:]
    /// Answers to output reports that only the kernel's driver sends.
    var answers: [EmulationDescription.Answer] = []
    var address: [UInt8] = []

    mutating func answer(
      _ command: [UInt8], to channel: StoredDataDescription.Channel
    ) -> [UInt8]? {
      for index in stored.indices where stored[index].channel == channel {
        if let answer = stored[index].answer(to: command) { return answer }
      }
      guard channel == .output else { return nil }
      for known in answers {
        if let answer = known.answer(to: command, from: address) { return answer }
      }
      return nil
    }
  }
  private let state: Mutex<State>
  private let configuration: (any FeatureResponder)?
  private let pairing: PairingDescription?

  init(
    part: PartDescription, serial: String, pairing: PairingDescription? = nil,
    stored: [StoredDataDescription] = []
  ) {
    var state = State()
    state.stored = stored.map(EmulatedStoredData.init)
    self.pairing = pairing
    if let addresses = pairing?.addresses {
      var reply = [UInt8](repeating: 0, count: addresses.length)
      reply[0] = addresses.id
      let own = serial.split(separator: ":").compactMap { UInt8($0, radix: 16) }
      if own.count == 6 {
        reply.replaceSubrange(addresses.device..<(addresses.device + 6), with: own.reversed())
      }
      state.features[addresses.id] = reply
    }
    for feature in part.features + part.emulation.features {
      guard feature.blocks.isEmpty else {
        let size = feature.length - 2
        let padded = feature.reply + [UInt8](repeating: 0, count: feature.blocks.count * size)
        let list = feature.blocks.enumerated().map { index, tag in
          [feature.id, tag] + padded[(index * size)..<((index + 1) * size)]
        }
        state.blocks[feature.id] = (list, 0)
        continue
      }
      let bytes = [feature.id] + feature.reply
      state.features[feature.id] = bytes + [UInt8](repeating: 0, count: max(0, feature.length - bytes.count))
    }
    state.answers = part.emulation.answers
    let own = serial.split(separator: ":").compactMap { UInt8($0, radix: 16) }
    state.address = own
    for (id, place) in part.emulation.addresses where own.count == 6 {
      state.features[id]?.replaceSubrange(place..<(place + 6), with: own.reversed())
    }
    if let seed = part.emulation.checksumSeed {
      for (id, reply) in state.features where reply.count > 5 {
        let body = Array(reply.dropLast(4))
        let crc = body.withUnsafeBytes { seededCRC32(seed: seed, $0) }
        state.features[id] = body + (0..<4).map { UInt8(truncatingIfNeeded: crc >> UInt32(8 * $0)) }
      }
    }
    self.state = Mutex(state)
    configuration = part.driver?.configuration.flatMap { reader in
      try? reader.responder(reader.emulated(serial: serial), others: NoFeatures())
    }
  }

  /// Everything that was written to the device, in order.
  public var written: [[UInt8]] { state.withLock { $0.written } }
  public var outputs: [[UInt8]] { state.withLock { $0.outputs } }

  public func getFeature(id: UInt8, length: Int) -> [UInt8]? {
    if let reply = configuration?.getFeature(id: id, length: length) { return reply }
    return state.withLock { state in
      if let answer = state.featureAnswers[id] { return answer }
      guard let blocks = state.blocks[id] else { return state.features[id] }
      state.blocks[id]?.next = (blocks.next + 1) % blocks.list.count
      return blocks.list[blocks.next]
    }
  }

  public func getFeature(id: UInt8, length: Int) throws(TransportError) -> [UInt8] {
    guard let reply: [UInt8] = getFeature(id: id, length: length) else {
      throw TransportError("get feature 0x\(String(id, radix: 16)) of an emulated device", code: EIO)
    }
    return reply
  }

  public func setFeature(_ report: [UInt8]) -> Bool {
    state.withLock { state in
      if let id = report.first, state.features[id] != nil { state.features[id] = report }
      if let id = report.first, let answer = state.answer(report, to: .feature) {
        state.featureAnswers[id] = answer
      }
      if let addresses = pairing?.addresses, let host = pairing?.hostReport, report.first == host.id,
        report.count >= host.at + 6, state.features[addresses.id]?.count ?? 0 >= addresses.host + 6
      {
        state.features[addresses.id]?.replaceSubrange(
          addresses.host..<(addresses.host + 6), with: report[host.at..<(host.at + 6)])
      }
      // Keep-alives come for ever; the newest are enough.
      if state.written.count >= 256 { state.written.removeFirst(128) }
      state.written.append(report)
    }
    return true
  }

  public func setFeature(_ report: [UInt8]) throws(TransportError) { _ = setFeature(report) as Bool }

  public func output(_ report: [UInt8]) {
    state.withLock { state in
      if state.outputs.count >= 256 { state.outputs.removeFirst(128) }
      state.outputs.append(report)
      if let answer = state.answer(report, to: .output) { state.inputs.append(answer) }
    }
  }

  public func nextInput() -> [UInt8]? {
    state.withLock { $0.inputs.isEmpty ? nil : $0.inputs.removeFirst() }
  }

  public func nextInput(within milliseconds: Int) throws(TransportError) -> [UInt8]? { nextInput() }

  public func writeOutput(_ report: [UInt8]) throws(TransportError) { output(report) }
}

extension EmulationDescription.Answer {
  /// - Returns: nil when another command is meant.
  func answer(to given: [UInt8], from address: [UInt8]) -> [UInt8]? {
    guard command.allSatisfy({ given.indices.contains($0.key) && given[$0.key] == $0.value }) else {
      return nil
    }
    var answer = [UInt8](repeating: 0, count: length)
    let padded = given + [UInt8](repeating: 0, count: length)
    for echo in echo where echo.command + echo.count <= padded.count {
      answer.replaceSubrange(
        echo.answer..<(echo.answer + echo.count), with: padded[echo.command..<(echo.command + echo.count)])
    }
    for (at, byte) in bytes { answer[at] = byte }
    if let place = self.address, address.count == 6 {
      answer.replaceSubrange(place..<(place + 6), with: address)
    }
    return answer
  }
}

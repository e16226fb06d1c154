import Foundation
import Sensing
import StrictYAML
import Synchronization

/// All known families. Of two that match a device equally well, the first is used.
public struct DeviceCatalog: Sendable {
  public var descriptions: [DeviceDescription]

  public init(descriptions: [DeviceDescription]) { self.descriptions = descriptions }

  /// Reads every `.yaml` of a folder.
  ///
  /// - Returns: the families that are right, and the faults of those that are not: one faulty file must not
  ///   take the other headsets away.
  public static func load(folder: String) throws -> (catalog: DeviceCatalog, faults: [DocumentError]) {
    let names = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".yaml") }
    let paths = names.sorted().map { folder + "/" + $0 }
    // Parsing takes most of the bridge's start: all processors do it.
    let parsed = Mutex([Result<DeviceDescription, DocumentError>?](repeating: nil, count: paths.count))
    DispatchQueue.concurrentPerform(iterations: paths.count) { index in
      let result = read(paths[index])
      parsed.withLock { $0[index] = result }
    }
    var descriptions: [DeviceDescription] = []
    var faults: [DocumentError] = []
    for (path, result) in zip(paths, parsed.withLock { $0 }) {
      switch result {
      case .success(let description):
        if let twin = descriptions.first(where: { $0.family == description.family }) {
          faults.append(
            DocumentError(file: path, problem: "the family '\(twin.family)' is described in \(twin.file) too")
          )
        } else {
          descriptions.append(description)
        }
      case .failure(let fault): faults.append(fault)
      case nil: break
      }
    }
    return (DeviceCatalog(descriptions: descriptions), faults)
  }

  private static func read(_ path: String) -> Result<DeviceDescription, DocumentError> {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
      return .failure(DocumentError(file: path, problem: "can't be read as UTF-8 text"))
    }
    do throws(DocumentError) {
      return .success(try DescriptionParser.parse(text: text, file: path))
    } catch { return .failure(error) }
  }

  public struct Match: Sendable {
    public var description: DeviceDescription
    public var partIndex: Int
    public var part: PartDescription { description.parts[partIndex] }

    /// Whether the part makes the device: the one that reports motion, or any of a device that has none.
    public var isPrimary: Bool { description.isPrimary(partIndex) }

    public init(description: DeviceDescription, partIndex: Int) {
      self.description = description
      self.partIndex = partIndex
    }
  }

  /// The part that an interface is, or nil for a device that no family describes.
  ///
  /// Interfaces that share an identity are told apart by their reports: a part whose reports the descriptor
  /// does not declare can't be meant.
  public func match(_ identity: InterfaceIdentity, descriptor: HIDReportDescriptor?) -> Match? {
    matches(identity, descriptor).first
  }

  /// The part that a node is for: those that are read through libusb have no hidraw node, and the other way round.
  public func match(_ node: DeviceNode) -> Match? { matches(node).first }

  /// The parts that a node is for: several where devices share it, as two controllers share the radio in a headset.
  public func matches(_ node: DeviceNode) -> [Match] {
    matches(node.identity, node.reportDescriptor) { ($0.usb != nil) == (node.access == .usb) }
  }

  /// The parts that an interface is for.
  public func matches(
    _ identity: InterfaceIdentity, _ descriptor: HIDReportDescriptor?,
    _ isMeant: (PartDescription) -> Bool = { _ in true }
  ) -> [Match] {
    var found: [(match: Match, score: Int)] = []
    for description in descriptions {
      for (index, part) in description.parts.enumerated() where isMeant(part) {
        let scores = part.match.compactMap { $0.score(identity, descriptor) }
        guard let rule = scores.max(), let reports = part.reportScore(descriptor) else { continue }
        let score = rule * 100 + reports
        found.append((Match(description: description, partIndex: index), score))
      }
    }
    guard let highest = found.map(\.score).max() else { return [] }
    let best = found.filter { $0.score == highest }.map(\.match)
    return best[0].part.isShared ? best.filter(\.part.isShared) : [best[0]]
  }

  public func description(family: String) -> DeviceDescription? { descriptions.first { $0.family == family } }
}

extension MatchRule {
  /// How closely the rule fits, or nil when it does not.
  func score(_ identity: InterfaceIdentity, _ descriptor: HIDReportDescriptor?) -> Int? {
    var score = 0
    // A recording made elsewhere, and uhid, may say another bus than the device had: only USB and Bluetooth
    // exclude each other.
    if let bus {
      if identity.bus == bus { score += 1 } else if identity.bus != .virtual { return nil }
    }
    if let vendor {
      guard vendor == identity.vendor else { return nil }
      score += 1
    }
    if let product {
      guard product == identity.product else { return nil }
      score += 1
    }
    if let interfaceNumber, let actual = identity.interfaceNumber {
      guard interfaceNumber == actual else { return nil }
      score += 1
    }
    if let nameContains {
      guard identity.name.contains(nameContains) else { return nil }
      score += 1
    }
    if let usage {
      guard let descriptor, descriptor.applications.contains(usage) else { return nil }
      score += 1
    }
    return score
  }
}

extension PartDescription {
  /// How many of the part's reports the interface declares; nil when it lacks one of them. A unit with the simple reports
  /// only lacks none.
  func reportScore(_ descriptor: HIDReportDescriptor?) -> Int? {
    guard let descriptor else { return 0 }
    let declared = descriptor.reportIDs(.input)
    var score = 0
    let isSimple = reports.contains { report in
      guard report.isSimple, case .numbered(let id) = report.identifier else { return false }
      return declared.contains(id) && descriptor.length(.input, id) == report.length
    }
    for report in reports {
      switch report.identifier {
      case .numbered(let id):
        guard declared.contains(id) else {
          guard isSimple || report.isSimple else { return nil }
          if !report.isSimple { score -= 1 }
          continue
        }
        score += 1
      case .unnumbered:
        guard declared == [0], descriptor.length(.input, 0) >= report.length else { return nil }
        score += 1
      case .virtual, .byUsage: continue
      }
    }
    return score
  }
}

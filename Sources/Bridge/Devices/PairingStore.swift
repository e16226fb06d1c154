import Foundation
import Synchronization

/// The file of paired devices. The bridge reads it, 'vrbridge pair' writes it.
public final class PairingStore: Sendable {
  public struct Entry: Codable, Sendable, Equatable {
    public var family: String
    /// Hardware address, lower case.
    public var address: String
    public var name: String
    /// ISO 8601.
    public var since: String

    public init(family: String, address: String, name: String, since: String) {
      self.family = family
      self.address = address.lowercased()
      self.name = name
      self.since = since
    }
  }

  private struct File: Codable {
    var format = "vrbridge-pairings/1"
    var devices: [Entry]
  }

  public let path: String

  /// - Parameter folder: of the bridge's persistent state.
  public init(folder: String) { path = folder + "/pairings.json" }

  /// Returns all pairings; none without a file.
  ///
  /// - Throws: when the file does not hold pairings.
  public func entries() throws -> [Entry] {
    guard let data = FileManager.default.contents(atPath: path) else { return [] }
    guard let file = try? JSONDecoder().decode(File.self, from: data), file.format == File(devices: []).format
    else {
      throw StartError(
        "pairings-unreadable", "\(path) does not hold pairings; move it away and pair again")
    }
    return file.devices
  }

  /// Whether the device is paired. The file is read each time: only handshakes of new trackers need it.
  public func holds(family: String, address: String) -> Bool {
    ((try? entries()) ?? []).contains { $0.family == family && $0.address == address.lowercased() }
  }

  public func add(_ entry: Entry) throws {
    var list = try entries()
    list.removeAll { $0.family == entry.family && $0.address == entry.address }
    try write(list + [entry])
  }

  /// Removes the pairings of an address.
  ///
  /// - Returns: the removed entries.
  public func remove(address: String) throws -> [Entry] {
    let list = try entries()
    let gone = list.filter { $0.address == address.lowercased() }
    if !gone.isEmpty { try write(list.filter { !gone.contains($0) }) }
    return gone
  }

  private func write(_ list: [Entry]) throws {
    let url = URL(fileURLWithPath: path)
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    // Atomic: a reader gets the old file or the new one.
    try encoder.encode(File(devices: list)).write(to: url, options: .atomic)
  }
}

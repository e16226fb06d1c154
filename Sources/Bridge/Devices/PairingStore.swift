import Diagnostics
import Foundation
import Glibc
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
  private let cache = Mutex(Cache())

  /// Pairings by the version of the file that holds them.
  private struct Cache {
    var version: FileVersion?
    var paired: Set<[String]> = []
  }

  /// The file is replaced as a whole, so that another version has another inode or another time.
  private struct FileVersion: Equatable {
    var inode: UInt64
    var seconds: Int
    var nanoseconds: Int
    var size: Int
  }

  /// - Parameter folder: of the bridge's persistent state.
  public init(folder: String) { path = folder + "/pairings.json" }

  /// Returns all pairings; none without a file.
  ///
  /// - Throws: when the file can't be read, or does not hold pairings.
  public func entries() throws -> [Entry] {
    let data: Data
    do { data = try Data(contentsOf: URL(fileURLWithPath: path)) } catch {
      var info = stat()
      if lstat(path, &info) != 0, errno == ENOENT || errno == ENOTDIR { return [] }
      let reason = error.reason.hasPrefix(path) ? error.reason : "\(path): \(error.reason)"
      throw StartError(
        "pairings-unreadable", "the pairings can't be read: \(reason); check owner and mode of the file")
    }
    guard let file = try? JSONDecoder().decode(File.self, from: data), file.format == File(devices: []).format
    else {
      throw StartError(
        "pairings-unreadable", "\(path) does not hold pairings; move it away and pair again")
    }
    return file.devices
  }

  /// Whether the device is paired. The file is read when it has changed: each handshake asks, and anybody can send
  /// handshakes.
  public func holds(family: String, address: String) -> Bool {
    var info = stat()
    guard stat(path, &info) == 0 else { return false }
    let version = FileVersion(
      inode: UInt64(info.st_ino), seconds: info.st_mtim.tv_sec, nanoseconds: info.st_mtim.tv_nsec,
      size: Int(info.st_size))
    return cache.withLock { cache in
      if cache.version != version {
        cache.paired = Set(((try? entries()) ?? []).map { [$0.family, $0.address] })
        cache.version = version
      }
      return cache.paired.contains([family, address.lowercased()])
    }
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

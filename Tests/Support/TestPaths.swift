import Devices
import Foundation
import Sensing

/// Where tests find things.
public enum TestPaths {
  /// The root of the source tree.
  public static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

  /// The Python that `make setup-test` made, with the packages of `Tests/Python/requirements.txt`.
  public static let python = root + "/.build/python/bin/python"

  /// The Python that `make test` installs, with the packages of `Tests/Python/servers.txt`.
  public static let serversPython = root + "/.build/servers/bin/python"

  public static let openAPIDocument = root + "/api/openapi.json"

  public static let descriptions = root + "/devices"

  /// Real captures; tests that need them are skipped by name when `VRBRIDGE_CORPUS` does not name their folder.
  public static let corpus: String? = {
    guard let path = ProcessInfo.processInfo.environment["VRBRIDGE_CORPUS"], !path.isEmpty,
      FileManager.default.fileExists(atPath: path + "/captures/vive")
    else { return nil }
    return path
  }()

  public static let hasCorpus = corpus != nil

  public static func vive(_ name: String) -> String { (corpus ?? "") + "/captures/vive/" + name }

  /// An own, empty folder, short enough for socket paths.
  public static func temporaryFolder() throws -> String {
    let path = "/tmp/vrb-" + String(UInt64.random(in: 0...UInt64.max), radix: 36)
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return path
  }

  /// The shipped families; a fault in one of them fails the test that asks.
  public static func catalog() throws -> DeviceCatalog {
    let (catalog, faults) = try DeviceCatalog.load(folder: descriptions)
    if let fault = faults.first { throw fault }
    return catalog
  }

  public static func description(_ family: String) throws -> DeviceDescription {
    guard let found = try catalog().description(family: family) else { throw MissingFamily(family: family) }
    return found
  }

  public struct MissingFamily: Error { public let family: String }
}

/// Bytes from hexadecimal text; spaces are skipped.
public func bytes(_ hexadecimal: String) -> [UInt8] {
  let digits = hexadecimal.compactMap(\.hexDigitValue)
  return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}

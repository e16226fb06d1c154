import Foundation

/// Where a library that is opened at run time may lie.
public enum LibraryFile {
  /// Files to try: in the place that an environment variable names, in ours, then what the linker finds.
  ///
  /// - Parameters:
  ///   - folder: or the file itself; nil for none.
  ///   - prefix: of the file's name.
  public static func candidates(variable: String, folder: String?, prefix: String, linked: String) -> [String]
  {
    var list: [String] = []
    let named = ProcessInfo.processInfo.environment[variable]
    for place in [named, folder].compactMap({ $0 }) where !place.isEmpty {
      guard let files = try? FileManager.default.contentsOfDirectory(atPath: place) else {
        list.append(place)
        continue
      }
      list += files.filter { $0.hasPrefix(prefix) }.sorted().map { place + "/" + $0 }
    }
    return list + [linked]
  }

  /// What C wrote into a buffer.
  public static func text(_ characters: [CChar]) -> String {
    String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

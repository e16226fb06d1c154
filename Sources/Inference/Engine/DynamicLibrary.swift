import Diagnostics
import Foundation
import Synchronization

/// A shared library that is opened at run time, once per process, and never closed.
public final class DynamicLibrary: Sendable {
  /// The opened library.
  ///
  /// `@unchecked Sendable`: the pointer leads to a table of functions that is never written again.
  public struct Opened: @unchecked Sendable {
    public let pointer: OpaquePointer
    /// The file that was opened.
    public let file: String
  }

  /// Opens a file; on failure writes a text of limited length and returns nil.
  public typealias Opener =
    @Sendable (
      _ file: UnsafePointer<CChar>, _ error: UnsafeMutablePointer<CChar>, _ capacity: Int
    ) -> OpaquePointer?

  private let name: String
  private let remedy: String
  private let variable: String
  private let prefix: String
  private let linked: String
  private let opener: Opener
  private let opened = Mutex<Opened?>(nil)

  /// - Parameters:
  ///   - name: for error messages.
  ///   - remedy: the command that installs the library.
  ///   - variable: environment variable with the file or its folder, which precedes all others.
  ///   - prefix: of the file name in a folder.
  ///   - linked: file name for the dynamic linker's search path.
  public init(
    name: String, remedy: String, variable: String, prefix: String, linked: String,
    opener: @escaping Opener
  ) {
    self.name = name
    self.remedy = remedy
    self.variable = variable
    self.prefix = prefix
    self.linked = linked
    self.opener = opener
  }

  /// Opens the first usable file: from the environment variable, from `folder`, then by the dynamic linker.
  ///
  /// - Parameter folder: a folder, or the file itself; nil for none.
  public func open(folder: String?) throws(DynamicLibraryError) -> Opened {
    if let library = opened.withLock({ $0 }) { return library }
    var problems: [String] = []
    for file in candidates(folder: folder) {
      if let problem = LibraryOrigins.process.problem(of: file) {
        problems.append("\(file): \(problem)")
        continue
      }
      var error = [CChar](repeating: 0, count: 512)
      if let pointer = opener(file, &error, error.count) {
        return opened.withLock { opened in
          let library = opened ?? Opened(pointer: pointer, file: file)
          opened = library
          return library
        }
      }
      problems.append("\(file): \(Self.text(error))")
    }
    throw DynamicLibraryError(library: name, problems: problems, remedy: remedy)
  }

  /// Verifies the file that another process will open, and notes the result for it.
  func verify(folder: String?) {
    _ = candidates(folder: folder).first { LibraryOrigins.process.problem(of: $0) == nil }
  }

  func candidates(folder: String?) -> [String] {
    var list: [String] = []
    let named = ProcessInfo.processInfo.environment[variable]
    for path in [named, folder].compactMap({ $0 }) where !path.isEmpty {
      guard let files = try? FileManager.default.contentsOfDirectory(atPath: path) else {
        list.append(path)
        continue
      }
      list += files.filter { $0.hasPrefix(prefix) }.sorted().map { path + "/" + $0 }
    }
    return list + [linked]
  }

  /// The text that C code wrote into a buffer.
  public static func text(_ characters: [CChar]) -> String {
    String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

/// No usable file of a shared library was found.
public struct DynamicLibraryError: CodedError, Sendable {
  public var library: String
  /// The files that were tried, each with the reason of its failure.
  public var problems: [String]
  public var remedy: String

  public var code: String { "library-unavailable" }

  public var description: String {
    "\(library) cannot be opened (\(problems.joined(separator: "; "))); install it with: \(remedy)"
  }
}

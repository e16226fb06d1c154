import Foundation
import Synchronization

/// Bytes of a file that is being fetched.
public struct FetchProgress: Sendable, Equatable {
  public var received: Int
  /// Bytes of the whole file.
  public var total: Int

  public init(received: Int, total: Int) {
    self.received = received
    self.total = total
  }
}

/// Observes what a program has fetched so far, by the size of its files: neither pip nor curl reports progress in a form for
/// programs.
struct FetchObserver {
  /// Files and folders that the program writes; the largest counts.
  var paths: [String]
  var total: Int
  var report: @Sendable (FetchProgress) -> Void

  /// Reports until a program has ended.
  ///
  /// - Returns: what the program wrote to the pipe.
  func follow(_ output: FileHandle) -> Data {
    let (text, end) = (CollectedOutput(), DispatchSemaphore(value: 0))
    Thread.detachNewThread {
      text.data.withLock { $0 = output.readDataToEndOfFile() }
      end.signal()
    }
    repeat {
      let received = paths.map(Self.bytes).max() ?? 0
      report(FetchProgress(received: min(total, received), total: total))
    } while end.wait(timeout: .now() + .milliseconds(200)) == .timedOut
    return text.data.withLock { $0 }
  }

  /// Returns the bytes of a file, or of all files of a folder.
  static func bytes(_ path: String) -> Int {
    let files = FileManager.default
    func size(_ path: String) -> Int {
      let attributes = try? files.attributesOfItem(atPath: path)
      guard attributes?[.type] as? FileAttributeType == .typeRegular else { return 0 }
      return (attributes?[.size] as? NSNumber)?.intValue ?? 0
    }
    let names = (try? files.subpathsOfDirectory(atPath: path)) ?? []
    return names.reduce(size(path)) { $0 + size(path + "/" + $1) }
  }
}

private final class CollectedOutput: Sendable {
  let data = Mutex(Data())
}

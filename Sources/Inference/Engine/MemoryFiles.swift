import CLinux
import Foundation
import Glibc

/// Files in memory that a library opens by path.
///
/// Verified or decrypted contents stay off the disk: a folder of symbolic links leads to sealed memory of this process.
/// The links keep the file names, because libraries derive formats from their extensions.
public final class MemoryFiles {
  private let folder: TemporaryFolder
  private var descriptors: [Int32] = []
  /// Path of the first file.
  public let first: String

  public init(_ files: [ModelPackage.File]) throws(InferenceError) {
    guard let model = files.first else { throw InferenceError(.model, "the model has no files") }
    do { folder = try TemporaryFolder("vrbridge-model") } catch {
      throw InferenceError(.model, error.description)
    }
    first = folder.file(model.name).path
    for file in files {
      let descriptor = linux_memory_file(file.name)
      guard descriptor >= 0 else {
        throw InferenceError(.model, "the kernel refuses memory for '\(file.name)'; free some memory")
      }
      descriptors.append(descriptor)
      var written = 0
      while written < file.bytes.count {
        let count = file.bytes.withUnsafeBytes {
          write(descriptor, $0.baseAddress?.advanced(by: written), $0.count - written)
        }
        guard count > 0 else {
          throw InferenceError(.model, "there is not enough memory for '\(file.name)'; free some memory")
        }
        written += count
      }
      guard symlink("/proc/self/fd/\(descriptor)", path(file.name)) == 0 else {
        throw InferenceError(.model, "'\(file.name)' cannot be linked in \(folder.path)")
      }
    }
  }

  public func path(_ name: String) -> String { folder.file(name).path }

  deinit {
    for descriptor in descriptors { close(descriptor) }
  }
}

import Foundation
import Synchronization

/// The installed catalogue as a source of trust: a model whose manifest and files are the catalogue's needs no signature.
///
/// The catalogue is read when a model without a trusted signature is first met.
public final class TrustedCatalog: Sendable {
  private enum State {
    case unread
    case read(ModelCatalog?)
  }

  private let load: @Sendable () -> ModelCatalog?
  private let state = Mutex(State.unread)

  public init(_ load: @escaping @Sendable () -> ModelCatalog?) { self.load = load }

  func entry(_ name: String, _ version: String) -> ModelCatalog.Entry? {
    let catalog: ModelCatalog? = state.withLock { state in
      if case .read(let catalog) = state { return catalog }
      let catalog = load()
      state = .read(catalog)
      return catalog
    }
    return catalog?.entries.first { $0.manifest.name == name && $0.manifest.version == version }
  }

  /// Whether a manifest is the catalogue's, with the size and digest of each file.
  ///
  /// - Parameter read: returns a file whose digest is the manifest's.
  func holds(
    _ manifest: ModelManifest, read: (ModelManifest.File) throws(RegistryError) -> [UInt8]
  ) -> Bool {
    guard let entry = entry(manifest.name, manifest.version) else { return false }
    var bare = manifest
    if let key = entry.labelsKey {
      // Labels come from the metadata of a file whose digest is the catalogue's.
      guard let name = bare.labelsFile, bare.files.count == entry.manifest.files.count + 1,
        let labels = bare.files.popLast(), labels.name == name, let source = bare.files.first,
        source == entry.manifest.files.first, let bytes = try? read(source),
        let text = ONNXMetadata.value(key, in: bytes), ModelRegistry.digest(Array(text.utf8)) == labels.digest
      else { return false }
      bare.labelsFile = nil
      bare.labels = entry.manifest.labels
    }
    return bare == entry.manifest
  }
}

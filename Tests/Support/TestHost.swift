import Foundation
import Inference

/// The models that `make test` fetches.
public enum TestHost {
  /// Trusts the models of the catalogue, whichever user fetched them.
  public static func registry() -> ModelRegistry {
    ModelRegistry(
      folder: Models.folder, trusted: TrustedKeys([]),
      catalog: TrustedCatalog {
        let file = TestPaths.root + "/models/catalog.yaml"
        guard let text = try? String(contentsOfFile: file, encoding: .utf8) else { return nil }
        return try? ModelCatalog(text: text, file: file)
      })
  }

  public static func make() -> ModelHost {
    ModelHost(registry: registry(), local: OpenVINOEngine(folder: Models.runtime))
  }
}

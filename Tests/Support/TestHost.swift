import Inference

/// A host of the models that `make test` fetches.
public enum TestHost {
  public static func make() -> ModelHost {
    let key = try? SigningKey.load(file: Models.state + "/keys/models.key")
    let trusted = key.map { SigningKey.publicText($0) }
    return ModelHost(
      registry: ModelRegistry(folder: Models.folder, trusted: TrustedKeys(Set([trusted].compactMap { $0 }))),
      local: OpenVINOEngine(folder: Models.runtime))
  }
}

import Diagnostics

/// An error of the model registry, the catalogue or the fetcher.
public struct RegistryError: CodedError, Sendable, Equatable {
  public enum Kind: String, Sendable {
    /// The registry or the catalogue has no such model or version.
    case notFound = "model-not-found"
    /// The name or the version has characters that a folder name must not have.
    case invalidName = "model-name-invalid"
    /// The manifest does not follow its format.
    case invalidManifest = "model-manifest-invalid"
    /// The version has no signature.
    case unsigned = "model-unsigned"
    /// The signature is not that of the manifest.
    case invalidSignature = "model-signature-invalid"
    /// The signature was made with a key that is not trusted.
    case untrusted = "model-untrusted"
    /// The model, or the key that signed it, was revoked.
    case revoked = "model-revoked"
    /// The revocation list is unreadable or not signed by a trusted key.
    case revocationsInvalid = "model-revocations-invalid"
    /// The choice of a version is not signed by a trusted key.
    case selectionUntrusted = "model-selection-untrusted"
    /// A file differs from its digest in the manifest.
    case altered = "model-altered"
    /// A file that the manifest names is missing.
    case fileMissing = "model-file-missing"
    /// A key is missing, unreadable or of another form.
    case keyUnusable = "model-key-unusable"
    /// The registry has this version already.
    case exists = "model-exists"
    /// A file of the registry cannot be written.
    case writeFailed = "model-write-failed"
    /// A folder or a file of the registry cannot be read.
    case unreadable = "model-registry-unreadable"
    /// The catalogue does not follow its format.
    case catalogInvalid = "model-catalog-invalid"
    /// A download failed, or its size or digest differs from the catalogue.
    case fetchFailed = "model-fetch-failed"
  }

  public var kind: Kind
  public var description: String

  public var code: String { kind.rawValue }

  public init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }
}

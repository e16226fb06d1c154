/// A verified model in memory. Later changes of the files on disk do not affect it.
public struct ModelPackage: Sendable {
  public struct File: Sendable {
    public var name: String
    public var bytes: [UInt8]

    public init(name: String, bytes: [UInt8]) {
      self.name = name
      self.bytes = bytes
    }
  }

  public var manifest: ModelManifest
  /// The model first, then further files such as the weights of an OpenVINO IR.
  public var files: [File]
  /// The server that runs the model; nil for this process.
  public var remote: RemoteModel?

  public init(manifest: ModelManifest, files: [File]) {
    self.manifest = manifest
    self.files = files
  }
}

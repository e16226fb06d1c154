import Diagnostics
import Foundation

/// The OpenXR runtime of this user, which vrbridge is not: it may hold devices, and programs start it.
extension Doctor {
  private struct Manifest: Decodable {
    struct Runtime: Decodable {
      var name: String?
      var libraryPath: String?

      enum CodingKeys: String, CodingKey {
        case name
        case libraryPath = "library_path"
      }
    }
    var runtime: Runtime
  }

  /// Reads the manifest that the OpenXR loader would use.
  public static func openXR(environment: [String: String]) -> Finding {
    let subject = "OpenXR"
    let own = "vrbridge is no OpenXR runtime; programs read its poses through its socket"
    let files = FileManager.default
    let path: String
    if let named = environment["XR_RUNTIME_JSON"], !named.isEmpty {
      path = named
    } else if let found = manifests(environment).first(where: { files.fileExists(atPath: $0) }) {
      path = found
    } else {
      return Finding(subject: subject, status: .absent, detail: "no runtime is selected; \(own)")
    }
    func problem(_ cause: String) -> Finding {
      let fix =
        environment["XR_RUNTIME_JSON"] == path
        ? "unset XR_RUNTIME_JSON, or set it to the manifest of an installed runtime"
        : "select a runtime again with its own program, or remove \(path)"
      return Finding(
        subject: subject, status: .problem, detail: "\(path): \(cause); OpenXR programs do not start",
        fix: fix)
    }
    let runtime: Manifest.Runtime
    do {
      let data = try Data(contentsOf: URL(fileURLWithPath: path))
      runtime = try JSONDecoder().decode(Manifest.self, from: data).runtime
    } catch {
      let cause = error.reason
      return problem(cause.hasPrefix(path + ": ") ? String(cause.dropFirst(path.count + 2)) : cause)
    }
    guard let library = runtime.libraryPath, !library.isEmpty else { return problem("it names no library") }
    // A name without a slash is for the search of the dynamic linker.
    if library.contains("/") {
      let folder = URL(fileURLWithPath: path).resolvingSymlinksInPath().deletingLastPathComponent()
      let full = library.hasPrefix("/") ? library : folder.appendingPathComponent(library).path
      guard files.fileExists(atPath: full) else { return problem("its library \(full) does not exist") }
    }
    let name = runtime.name ?? URL(fileURLWithPath: library).lastPathComponent
    return Finding(
      subject: subject, status: .fine, detail: "the runtime is \(name) (\(path)); \(own)")
  }

  /// Paths of the loader's search, by precedence: the user's, then the system's.
  private static func manifests(_ environment: [String: String]) -> [String] {
    let home = environment["HOME"].map { $0 + "/.config" }
    let user = environment["XDG_CONFIG_HOME"].flatMap { $0.isEmpty ? nil : $0 } ?? home
    let system = (environment["XDG_CONFIG_DIRS"].flatMap { $0.isEmpty ? nil : $0 } ?? "/etc/xdg")
      .split(separator: ":").map(String.init)
    #if arch(x86_64)
      let machine = "x86_64"
    #else
      let machine = "aarch64"
    #endif
    return ([user].compactMap { $0 } + system + ["/etc"]).flatMap { folder in
      ["active_runtime.\(machine).json", "active_runtime.json"].map { "\(folder)/openxr/1/\($0)" }
    }
  }
}

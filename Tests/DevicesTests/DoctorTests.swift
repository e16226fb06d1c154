import Foundation
import TestSupport
import Testing

@testable import Devices

/// Findings of the doctor about rules, nodes and the OpenXR runtime.
struct DoctorTests {
  private let folder: String

  init() throws { folder = try TestPaths.temporaryFolder() }

  private func write(_ path: String, _ text: String) throws -> String {
    let full = folder + "/" + path
    let parent = URL(fileURLWithPath: full).deletingLastPathComponent()
    try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
    try text.write(toFile: full, atomically: true, encoding: .utf8)
    return full
  }

  @Test func rulesAreFoundMissingOrEmpty() throws {
    let folders = [folder + "/etc", folder + "/lib"]
    let missing = Doctor.rules(folders: folders)
    #expect(missing.status == .absent && missing.fix?.contains("sudo install -m 644") == true, "\(missing)")
    _ = try write("lib/70-vrbridge.rules", "KERNEL==\"hidraw*\", TAG+=\"uaccess\"\n")
    let installed = Doctor.rules(folders: folders)
    #expect(installed.status == .fine && installed.detail.contains("lib/70-vrbridge.rules"), "\(installed)")
    // An empty file hides the package's.
    _ = try write("etc/70-vrbridge.rules", "")
    let empty = Doctor.rules(folders: folders)
    #expect(empty.status == .problem && empty.detail.contains("has no rule"), "\(empty)")
  }

  /// `sudo` has another PATH than the user, and its output redirection leaves an empty file behind.
  @Test func noFixRunsTheProgramUnderSudo() throws {
    for group in [nil, "vrbridge"] {
      let command = Doctor.rulesCommand(group: group)
      #expect(command.hasPrefix("vrbridge udev-rules") && !command.contains("sudo vrbridge"))
      #expect(!command.contains("sudo sh"))
    }
  }

  @Test func theRuntimeOfOpenXRIsNamed() throws {
    let library = try write("lib/libopenxr.so", "")
    let none = Doctor.openXR(environment: ["HOME": folder, "XDG_CONFIG_DIRS": folder])
    #expect(none.status == .absent || none.detail.contains("/etc/openxr"), "\(none)")
    _ = try write(
      ".config/openxr/1/active_runtime.json",
      #"{"file_format_version": "1.0.0", "runtime": {"name": "Monado", "library_path": "\#(library)"}}"#)
    let found = Doctor.openXR(environment: ["HOME": folder])
    #expect(found.status == .fine && found.detail.contains("the runtime is Monado"), "\(found)")
    // A path is relative to the manifest.
    let relative = try write("m.json", #"{"runtime": {"library_path": "./lib/libopenxr.so"}}"#)
    #expect(Doctor.openXR(environment: ["XR_RUNTIME_JSON": relative]).status == .fine)
  }

  @Test(arguments: [
    ("{", "not valid JSON"), ("{}", "'runtime' is missing"), (#"{"runtime": {}}"#, "names no library"),
    (#"{"runtime": {"library_path": "/nonexistent/x.so"}}"#, "does not exist"),
    (#"{"runtime": {"library_path": 1}}"#, "'runtime.library_path' has another type"),
  ])
  func aRuntimeThatCannotStartIsAProblem(_ text: String, _ cause: String) throws {
    let path = try write("broken.json", text)
    let finding = Doctor.openXR(environment: ["XR_RUNTIME_JSON": path])
    #expect(finding.status == .problem && finding.detail.contains(cause), "\(finding)")
    #expect(finding.detail.contains(path) && finding.fix?.contains("XR_RUNTIME_JSON") == true, "\(finding)")
    let missing = Doctor.openXR(environment: ["XR_RUNTIME_JSON": "/nonexistent.json"])
    #expect(missing.status == .problem && missing.detail.contains("No such file"), "\(missing)")
  }

  @Test func closedNodesNameTheGroup() throws {
    let node = try write("dev/video0", "")
    #expect(Doctor.media(folder: folder + "/dev").map(\.status) == [.fine])
    guard geteuid() != 0 else { return }
    chmod(node, 0)
    let closed = Doctor.media(folder: folder + "/dev")
    #expect(closed.first?.fix?.contains("--groups video") == true, "\(closed)")
  }
}

import Bridge
import Diagnostics
import Foundation
import Glibc
import TestSupport
import Testing

@testable import Settings

/// Secrets are read from files that nobody else can read, and are not printed.
struct SecretTests {
  private func file(mode: mode_t) throws -> String {
    let path = try TestPaths.temporaryFolder() + "/token"
    try Data(" 0123456789abcdef\n".utf8).write(to: URL(fileURLWithPath: path))
    chmod(path, mode)
    return path
  }

  private func read(_ name: String, _ environment: [String: String] = [:]) throws(SecretError) -> String {
    try SecretFile.read(name, environment: environment, purpose: "the token")
  }

  @Test(arguments: [0o666, 0o644, 0o640, 0o620, 0o604, 0o602] as [mode_t])
  func aSecretThatOthersCanReadOrWriteIsRefused(_ mode: mode_t) throws {
    let path = try file(mode: mode)
    #expect {
      try read(path)
    } throws: {
      ($0 as? SecretError)?.code == "secret-exposed" && "\($0)".contains("run: chmod 600 '\(path)'")
    }
    #expect(throws: SecretError.self) { try SecretFile.check(path, purpose: "the TLS key") }
  }

  @Test func aSecretOfItsOwnerAndACredentialAreRead() throws {
    let path = try file(mode: 0o600)
    #expect(try read(path) == "0123456789abcdef")
    chmod(path, 0o400)
    #expect(try read(path) == "0123456789abcdef")
    // systemd shows an access control list as the rights of a group.
    chmod(path, 0o440)
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
    #expect(try read("token", ["CREDENTIALS_DIRECTORY": folder]) == "0123456789abcdef")
  }

  @Test(.enabled(if: geteuid() == 0, "needs root, which gives files to others"))
  func aSecretOfAnotherUserIsRefused() throws {
    let path = try file(mode: 0o600)
    #expect(chown(path, 65_533, 65_533) == 0)
    #expect { try read(path) } throws: { ($0 as? SecretError)?.code == "secret-foreign" }
  }

  /// On Debian, root's secrets are read by the service's group.
  @Test func theGroupMayReadAFileOfRoot() {
    func problem(_ mode: mode_t, owner: uid_t = 0, reader: uid_t = 990) -> SecretError? {
      SecretFile.problem("/etc/key", "the TLS key", mode: S_IFREG | mode, owner: owner, reader: reader)
    }
    #expect(problem(0o640) == nil && problem(0o440) == nil && problem(0o600) == nil)
    for mode: mode_t in [0o660, 0o620, 0o670, 0o644, 0o642, 0o641] {
      let error = problem(mode)
      #expect(error?.code == "secret-exposed" && error?.description.contains("LoadCredential=") == true)
      #expect(error?.description.contains("chmod 600") == false)
    }
    // Root itself, and the files of the service's own user.
    #expect(problem(0o640, reader: 0)?.description.contains("run: chmod 600 '/etc/key'") == true)
    #expect(problem(0o640, owner: 990)?.code == "secret-exposed" && problem(0o600, owner: 990) == nil)
    #expect(problem(0o600, owner: 991)?.code == "secret-foreign")
  }

  @Test func noPasswordOfAnAddressIsPrinted() throws {
    var configuration = Configuration()
    try configuration.apply(
      text: """
        language_model: { address: "http://user:hunter2@127.0.0.1:8080/v1" }
        speech: { microphones: [demo], server: { address: "https://user:p@ss hunter2@h/v1", model: m } }
        models:
          run:
            object-detection:
              remote: { address: "http://hunter2@127.0.0.1:1" }
        """, file: "vrbridge.yaml")
    let text = configuration.text()
    #expect(!text.contains("hunter2"), "\(text)")
    #expect(text.contains("http://***@127.0.0.1:8080/v1") && text.contains("https://***@h/v1"))
    #expect(text.contains("http://***@127.0.0.1:1\""))
  }

  @Test func userInformationIsMaskedInProse() {
    #expect(
      maskingUserInformation("http://a:b@h:1/x?y=z@w fails; ask c@d, see ftp://e@f and ws://g")
        == "http://***@h:1/x?y=z@w fails; ask c@d, see ftp://***@f and ws://g")
    #expect(maskingUserInformation("http://a:b@c@h/") == "http://***@h/")
    #expect(maskingUserInformation("http://") == "http://")
  }
}

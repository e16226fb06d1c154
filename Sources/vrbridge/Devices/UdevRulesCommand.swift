import ArgumentParser
import CommandSupport
import Devices

struct UdevRulesCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "udev-rules",
    abstract: "Print udev rules for all supported devices.",
    discussion: discussion(
      examples:
        "vrbridge udev-rules > 70-vrbridge.rules && sudo install -m 644 70-vrbridge.rules /etc/udev/rules.d/",
      "sudo udevadm control --reload",
      "sudo udevadm trigger --subsystem-match=hidraw --action=add"))

  @Option(
    help: ArgumentHelp(
      "Grant access to this group too (default: only the user at the seat).", valueName: "group"),
    completion: .group)
  var group: String?

  @Option(help: .descriptions, completion: .directory)
  var descriptions: String?

  func run() async throws {
    try withWholeCatalog(descriptions) { print(UdevRules.text(for: $0, group: group), terminator: "") }
  }
}

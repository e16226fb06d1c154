import ArgumentParser
import CommandSupport
import Devices

struct UdevRulesCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "udev-rules",
    abstract: "Print udev rules for all supported devices.",
    discussion: discussion(
      examples: "sudo sh -c 'vrbridge udev-rules > /etc/udev/rules.d/70-vrbridge.rules'",
      "sudo udevadm control --reload",
      "sudo udevadm trigger --subsystem-match=hidraw --action=add"))

  @Option(
    help: ArgumentHelp(
      "Grant access to this group too (default: only the user at the seat).", valueName: "group"))
  var group: String?

  @Option(help: .descriptions)
  var descriptions: String?

  func run() async throws {
    try withWholeCatalog(descriptions) { print(UdevRules.text(for: $0, group: group), terminator: "") }
  }
}

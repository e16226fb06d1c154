import ArgumentParser
import Devices

struct UdevRulesCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "udev-rules",
    abstract: "Print udev rules for all known devices.",
    discussion: """
      sudo sh -c 'vrbridge udev-rules > /etc/udev/rules.d/70-vrbridge.rules'
      sudo udevadm control --reload && sudo udevadm trigger --subsystem-match=hidraw --action=add
      """)

  @Option(help: "Group that gets access beside the user at the seat.")
  var group: String?

  @Option(help: "Folder of device descriptions.")
  var descriptions: String?

  func run() async throws {
    print(UdevRules.text(for: try catalog(descriptions), group: group), terminator: "")
  }
}

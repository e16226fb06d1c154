import ArgumentParser

/// Help of options that several commands have.
extension ArgumentHelp {
  package static var socket: ArgumentHelp {
    ArgumentHelp(
      "Connect to the bridge's socket at this path (default: that of 'vrbridge run' of this user, then /run/vrbridge/vrbridge.sock).",
      valueName: "path")
  }

  package static var descriptions: ArgumentHelp {
    ArgumentHelp(
      "Read device descriptions from this folder too; its families replace those of the same name that are installed or in ~/.config/vrbridge/devices (default: none).",
      valueName: "folder")
  }
}

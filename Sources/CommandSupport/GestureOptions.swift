import ArgumentParser
import Bridge
import Devices
import Foundation
import Perception

/// Options of commands that read or write recorded gestures.
package struct GestureOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Use this folder of examples (default: gestures in the state folder).", valueName: "folder"),
    completion: .directory)
  package var folder: String?

  package init() {}

  package var store: GestureStore {
    let state = CalibrationStore.stateFolder(environment: ProcessInfo.processInfo.environment)
    return GestureStore(folder: folder ?? GestureStore.folder(stateFolder: state))
  }
}

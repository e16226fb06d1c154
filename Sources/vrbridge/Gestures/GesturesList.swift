import Diagnostics
import ArgumentParser
import CommandSupport
import Foundation
import Perception

struct GesturesList: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "List recorded and built-in gestures.",
    discussion: discussion(examples: "vrbridge gestures list"))

  @OptionGroup var options: GestureOptions

  func run() throws {
    let store = options.store
    for name in store.names {
      let (traces, faults) = store.examples(of: name)
      print(Terminal.pad(name, 26) + "\(traces.count) examples of yours")
      for fault in faults { Terminal.complain("vrbridge: \(fault) can't be read") }
    }
    let builtIn = Set(BuiltInGestures.all.map(\.name)).subtracting(store.names).sorted()
    for name in builtIn { print(Terminal.pad(name, 26) + "built in") }
  }
}

struct GesturesRemove: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove",
    abstract: "Delete a recorded gesture.",
    discussion: discussion(examples: "vrbridge gestures remove circle"))

  @Argument(help: "Name of the gesture.")
  var name: String

  @OptionGroup var options: GestureOptions

  func run() throws {
    guard options.store.names.contains(name) else {
      throw CommandError(
        "unknown-gesture", "no recorded gesture is called '\(name)'; 'vrbridge gestures list' lists them")
    }
    do { try options.store.remove(name) } catch {
      throw CommandError(
        "file-unwritable", "the gesture '\(name)' can't be deleted: \(error.reason)")
    }
  }
}

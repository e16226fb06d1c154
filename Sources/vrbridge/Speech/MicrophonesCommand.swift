import Sensing
import ArgumentParser
import BridgeClient
import BridgeProtocol
import CommandSupport
import Microphones

struct MicrophonesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "microphones",
    abstract: "List microphones with their headsets.",
    discussion: discussion(examples: "vrbridge microphones"))

  @Flag(help: "Print JSON, one object per microphone.")
  var json = false

  @Option(help: .socket, completion: .file())
  var socket: String?

  private struct Row: Encodable {
    var name: String
    var place: String
    var headset: Nullable<String>
  }

  func run() throws {
    let microphones = AttachedMicrophone.all(try SDLAudio())
    // Only a running bridge has a list of headsets.
    let connection = try? BridgeConnection(path: socket, clientName: "vrbridge microphones")
    let devices = try? connection?.devices()
    if microphones.isEmpty, !json {
      print("no microphone: the sound system lists none")
      return
    }
    for microphone in microphones {
      let headset = devices?.first { !$0.port.isEmpty && microphone.belongs(to: $0.port) }?.name
      if json {
        print(JSONLine.text(Row(name: microphone.name, place: microphone.port, headset: Nullable(headset))))
      } else {
        print(Terminal.field(microphone.name + (headset.map { "  (in \($0))" } ?? "")))
      }
    }
  }
}

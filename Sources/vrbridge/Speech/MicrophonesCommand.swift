import ArgumentParser
import BridgeClient
import BridgeProtocol
import Microphones

struct MicrophonesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "microphones", abstract: "List microphones, and which of them is in a headset.")

  @Flag(help: "JSON, one object a line.")
  var json = false

  @Option(help: "Path of the bridge's socket.")
  var socket: String?

  func run() throws {
    let microphones: [AttachedMicrophone]
    do throws(MicrophoneFault) { microphones = AttachedMicrophone.all(try SDLAudio()) } catch {
      throw Failure(error.description)
    }
    // Which headsets there are is known where a bridge runs.
    let connection = try? BridgeConnection(path: socket, clientName: "vrbridge microphones")
    let devices = try? connection?.request(.listDevices(Vrbridge_V1_ListDevices())).deviceList.devices
    if microphones.isEmpty, !json {
      print("no microphone: the sound system lists none")
      return
    }
    for microphone in microphones {
      let headset = devices?.first { !$0.place.isEmpty && microphone.belongs(to: $0.place) }?.name
      if json {
        print(
          "{\"name\":\(PoseLine.quoted(microphone.name)),\"place\":\(PoseLine.quoted(microphone.place)),\"headset\":\(headset.map(PoseLine.quoted) ?? "null")}"
        )
      } else {
        print(microphone.name + (headset.map { "  (in \($0))" } ?? ""))
      }
    }
  }
}

import ArgumentParser
import Bridge
import CLinux
import CommandSupport
import Foundation
import Inference

/// The process that `ModelTrial` starts.
struct ModelsTry: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "try",
    abstract: "Open a model's files and print its inputs and outputs.",
    discussion: discussion(examples: "vrbridge models try folder model.onnx --memory 8000000000"),
    shouldDisplay: false)

  @Argument(help: "Folder of the files.")
  var folder: String

  @Argument(help: "Names of the files, the model first.")
  var files: [String]

  @Option(help: "Limit this process to this many bytes of memory.")
  var memory: UInt64

  @OptionGroup var options: ModelOptions

  func run() async throws {
    _ = linux_limit_memory(memory)
    var report = ModelTrial.Report()
    do {
      let manifest = ModelManifest(name: "trial", version: "1", task: .tensors)
      let package = ModelPackage(
        manifest: manifest,
        files: try files.map { name in
          let data = try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name))
          return ModelPackage.File(name: name, bytes: Array(data))
        })
      let session = try await options.settings().localEngine.open(package, SessionOptions())
      report.inputs = session.inputs.map(ModelTrial.Port.init)
      report.outputs = session.outputs.map(ModelTrial.Port.init)
    } catch let error as InferenceError {
      report.fault = error.description
      report.isUntried = error.kind == .unavailable
    } catch {
      report.fault = String(describing: error)
    }
    print(String(decoding: try JSONEncoder().encode(report), as: UTF8.self))
  }
}

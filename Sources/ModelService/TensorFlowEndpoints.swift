import HTTPServer
import HTTPTypes
import Inference

/// Models by TensorFlow Serving's REST API: status and predict.
struct TensorFlowEndpoints: Sendable {
  let access: ModelAccess

  private struct Status: Encodable {
    struct Detail: Encodable {
      var errorCode = "OK"
      var errorMessage = ""
    }
    struct Version: Encodable {
      var version: String
      var state = "AVAILABLE"
      var status = Detail()
    }
    var modelVersionStatus: [Version]
  }

  func status(_ call: ModelCall) async throws(InferenceError) -> HTTPReply {
    let loaded = try await access.model(call)
    return .json(Status(modelVersionStatus: [Status.Version(version: loaded.version)]))
  }

  func predict(_ call: ModelCall) async throws(InferenceError) -> HTTPReply {
    let loaded = try await access.model(call)
    let request: TensorFlowServing.Request
    do throws(OpenInferenceError) {
      request = try TensorFlowServing.request(call.body, specs: loaded.session.inputs)
    } catch {
      throw InferenceError(error.kind, error.description)
    }
    let results = try await access.run(loaded, request.inputs).tensors
    let named = zip(loaded.session.outputs, results).map { NamedTensor($0.name, $1) }
    do throws(OpenInferenceError) {
      return HTTPReply(status: .ok, body: try TensorFlowServing.answer(named, isRows: request.isRows))
    } catch {
      throw InferenceError(error.kind, error.description)
    }
  }
}

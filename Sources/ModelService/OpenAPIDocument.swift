import Foundation
import Inference

/// The service's addresses, for tools that read OpenAPI 3.
enum OpenAPIDocument {
  private static func operation(
    _ id: String, _ summary: String, parameters: [String] = [], body: String? = nil,
    answer: String = "object",
    codes: [String] = []
  ) -> String {
    let list = parameters.map { name in
      "{\"name\":\"\(name)\",\"in\":\"path\",\"required\":true,\"schema\":{\"type\":\"string\",\"minLength\":1}}"
    }
    var responses = [
      "\"200\":{\"description\":\"As asked\"\(answer.isEmpty ? "" : ",\"content\":{\"application/json\":{\"schema\":{\"type\":\"\(answer)\"}}}")}"
    ]
    for code in codes + ["401", "429"] {
      responses.append(
        "\"\(code)\":{\"description\":\"Refused; the reason is in 'error'\",\"content\":{\"application/json\":{\"schema\":{\"$ref\":\"#/components/schemas/Error\"}}}}"
      )
    }
    let content = body.map { ",\"requestBody\":{\"required\":true,\"content\":{\($0)}}" } ?? ""
    return
      "{\"operationId\":\"\(id)\",\"summary\":\"\(summary)\",\"parameters\":[\(list.joined(separator: ","))]\(content),\"responses\":{\(responses.joined(separator: ","))}}"
  }

  private static func json(_ schema: String) -> String {
    "\"application/json\":{\"schema\":{\"$ref\":\"#/components/schemas/\(schema)\"}}"
  }

  static func text(product: String) -> String {
    var paths: [String] = []
    func path(_ path: String, _ method: String, _ operation: String) {
      paths.append("\"\(path)\":{\"\(method)\":\(operation)}")
    }
    path("/v2", "get", operation("server", "Name, version and extensions"))
    path("/v2/health/live", "get", operation("live", "The process lives", answer: ""))
    path("/v2/health/ready", "get", operation("ready", "Requests are taken", answer: ""))
    path("/v2/models/stats", "get", operation("statistics", "Counts and times of all models"))
    let failures = ["400", "404", "500", "503"]
    for (prefix, suffix, names) in [
      ("/v2/models/{model}", "", ["model"]),
      ("/v2/models/{model}/versions/{version}", "OfVersion", ["model", "version"]),
    ] {
      path(
        prefix, "get",
        operation("metadata" + suffix, "Tensors of a model", parameters: names, codes: failures))
      path(
        prefix + "/ready", "get",
        operation("modelReady" + suffix, "Whether it runs", parameters: names, answer: "", codes: failures))
      path(
        prefix + "/infer", "post",
        operation(
          "infer" + suffix, "Run it", parameters: names, body: json("Inference"), codes: failures + ["413"]))
    }
    path("/v2/repository/index", "post", operation("index", "Versions and their states", answer: "array"))
    for verb in ["load", "unload"] {
      path(
        "/v2/repository/models/{model}/\(verb)", "post",
        operation(
          verb, "\(verb == "load" ? "Make ready" : "Put away") a model", parameters: ["model"], answer: "",
          codes: ["403"] + failures))
    }
    path(
      "/v1/models/{model}:predict", "post",
      operation(
        "predict", "Run it, as TensorFlow Serving has it", parameters: ["model"], body: json("Prediction"),
        codes: failures + ["413"]))
    path(
      "/classify", "post",
      operation(
        "classify", "What a picture shows",
        body: json("PictureInJSON")
          + ",\"image/jpeg\":{\"schema\":{\"type\":\"string\",\"format\":\"binary\"}},\"image/png\":{\"schema\":{\"type\":\"string\",\"format\":\"binary\"}}",
        codes: failures + ["413"]))
    path(
      "/classify/text", "post",
      operation(
        "classifyText", "Which of your classes a text is of, from examples", body: json("TextWithExamples"),
        codes: failures + ["413"]))
    let types = ElementType.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ",")
    return """
      {"openapi":"3.0.3","info":{"title":"vrbridge model service","version":\(JSONTensor.quoted(product))},"paths":{\(paths.joined(separator: ","))},"components":{"securitySchemes":{"token":{"type":"http","scheme":"bearer"}},"schemas":{"Error":{"type":"object","required":["error"],"properties":{"error":{"type":"string"}}},"Tensor":{"type":"object","required":["name","datatype","shape"],"properties":{"name":{"type":"string"},"datatype":{"type":"string","enum":[\(types)]},"shape":{"type":"array","items":{"type":"integer"}},"data":{"type":"array","items":{}},"parameters":{"type":"object"}}},"Inference":{"type":"object","required":["inputs"],"properties":{"id":{"type":"string"},"inputs":{"type":"array","items":{"$ref":"#/components/schemas/Tensor"}},"outputs":{"type":"array","items":{"type":"object","required":["name"],"properties":{"name":{"type":"string"},"parameters":{"type":"object"}}}},"parameters":{"type":"object"}}},"Prediction":{"type":"object","properties":{"instances":{"type":"array","items":{}},"inputs":{}}},"PictureInJSON":{"type":"object","required":["image"],"properties":{"image":{"type":"string","format":"byte"},"model":{"type":"string"},"top":{"type":"integer"}}},"TextWithExamples":{"type":"object","required":["text","examples"],"properties":{"text":{"type":"string"},"examples":{"type":"object","additionalProperties":{"type":"array","items":{"type":"string"}}},"top":{"type":"integer"}}}}}}
      """
  }
}

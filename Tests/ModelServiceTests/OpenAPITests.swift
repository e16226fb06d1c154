import Foundation
import HTTPServer
import HTTPTypes
import TestSupport
import Testing

@testable import ModelService

struct OpenAPITests {
  /// The page's routes are compared where the page is tested.
  @Test func theDocumentListsTheRoutesThatAreServed() throws {
    let served =
      MonitorEndpoints.routes + ModelEndpoints.routes + FrameEndpoint.routes + DocumentEndpoint.routes
    #expect(
      served.map { "\($0.method.rawValue) \($0.template)" }.sorted() == (try OpenAPIRoutes.all(isPage: false))
    )
  }

  /// The OpenAPI Initiative's schema of OpenAPI 3.0, as schemathesis ships it, judges the document.
  @Test(
    .enabled(
      if: FileManager.default.fileExists(atPath: TestPaths.serversPython),
      "needs the servers that 'make test' installs"))
  func theDocumentIsValid() async throws {
    let script = """
      import json, sys, jsonschema_rs
      from schemathesis.specs.openapi.definitions import OPENAPI_30
      document = json.load(open(sys.argv[1]))
      validator = jsonschema_rs.validator_for(OPENAPI_30)
      validator.validate(document)
      del document["paths"]["/v2"]["get"]["responses"]
      assert not validator.is_valid(document)
      print("valid")
      """
    let result = try await Program.run(
      TestPaths.serversPython, ["-c", script, TestPaths.openAPIDocument], within: 60)
    #expect(result.code == 0 && result.output == "valid\n", "\(result.errors)")
  }

  @Test func aMissingDocumentIsNamed() {
    let error = #expect(throws: HTTPServerError.self) {
      try DocumentEndpoint(file: "/nonexistent/openapi.json")
    }
    #expect(error?.code == "http-file-missing" && error?.description.contains("/nonexistent") == true)
  }
}

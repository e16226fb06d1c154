import HTTPServer
import HTTPTypes
import TestSupport
import Testing

@testable import Dashboard

struct OpenAPITests {
  @Test func theDocumentListsTheRoutesOfThePage() throws {
    #expect(
      DashboardPages.routes.map { "\($0.method.rawValue) \($0.template)" }.sorted()
        == (try OpenAPIRoutes.all(isPage: true)))
  }
}

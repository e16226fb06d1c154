import Bridge
import Foundation
import Glibc
import TestSupport
import Testing

struct StateFolderTests {
  @Test func aFolderThatCanBeMadeIsNoProblem() throws {
    let folder = try TestPaths.temporaryFolder()
    #expect(StateFolder.problem(folder) == nil && StateFolder.problem(folder + "/a/b") == nil)
  }

  @Test func theReasonAndARemedyAreNamed() throws {
    let folder = try TestPaths.temporaryFolder()
    #expect(FileManager.default.createFile(atPath: folder + "/file", contents: nil))
    var places = [folder + "/file/state"]
    if geteuid() != 0 {
      chmod(folder, 0o500)
      places += [folder, folder + "/a/b", "/nonexistent/state"]
    }
    for place in places {
      let problem = try #require(StateFolder.problem(place))
      #expect(problem.contains("XDG_STATE_HOME") && problem.contains("can't write"))
    }
  }
}

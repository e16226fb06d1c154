import Evaluation
import Foundation
import TestSupport
import Testing

/// The comparison of a run with the results of the documents.
struct PerformanceResultsTests {
  private func results(_ values: [String: Double], commit: String = "abc") -> PerformanceResults {
    var results = PerformanceResults(commit: commit)
    results.values = values
    return results
  }

  @Test func valuesThatDifferByMoreThanHalfAreListed() {
    let stated = results(["a_us": 10, "b_us": 10, "c_us": 10, "d_mb": 10, "zero": 0])
    #expect(stated.deviations(from: stated).isEmpty)
    let run = results(["a_us": 14.9, "b_us": 15.1, "c_us": 4.9, "d_mb": 5.1, "zero": 0])
    let lines = run.deviations(from: stated)
    #expect(lines.count == 2)
    #expect(lines[0].hasPrefix("b_us is 15.1, 10 stated for commit abc of 2"))
    #expect(lines[1].hasPrefix("c_us is 4.9, "))
    #expect(results(["zero": 1]).deviations(from: results(["zero": 0])).count == 1)
  }

  @Test func valuesOfOneSideAreListed() {
    let lines = results(["new": 1]).deviations(from: results(["old": 1]))
    #expect(lines.count == 2)
    #expect(lines[0].contains("new") && lines[1].contains("old"))
  }

  @Test func writtenFiguresAreReadWithCommitAndDate() throws {
    let file = try TestPaths.temporaryFolder() + "/results.json"
    let written = results(["a_us": 1.25, "b_mb": 1.0 / 3], commit: "1a2b3c4")
    try written.write(to: file)
    let read = try PerformanceResults(file: file)
    #expect(read.commit == "1a2b3c4" && read.date == written.date && read.machine == written.machine)
    #expect(read.values == ["a_us": 1.25, "b_mb": 0.33])
    try Data("[]".utf8).write(to: URL(fileURLWithPath: file))
    #expect(throws: EvaluationError.self) { try PerformanceResults(file: file) }
  }
}

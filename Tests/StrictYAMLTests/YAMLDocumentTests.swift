import StrictYAML
import Testing

struct YAMLDocumentTests {
  private func fault(_ text: String, _ read: (YAMLValue) throws -> Void) throws -> DocumentError {
    do {
      try read(try YAMLDocument(text: text, file: "f.yaml").root)
    } catch let error as DocumentError {
      return error
    }
    Issue.record("no fault was found")
    return DocumentError(file: "", problem: "")
  }

  @Test func unknownKeyIsNamedWithItsPlaceAndWhatIsAllowed() throws {
    let error = try fault("a: 1\nbb: 2\n") { _ = try $0.mapping(keys: ["a", "b"]) }
    #expect(error.line == 2)
    #expect(error.column == 1)
    #expect(error.description == "f.yaml:2:1: unknown key 'bb'; allowed: a, b")
  }

  @Test func repeatedKeyIsRefused() throws {
    let error = try fault("a: 1\na: 2\n") { _ = try $0.mapping(keys: ["a"]) }
    #expect(error.problem.contains("twice"))
  }

  @Test func brokenYAMLHasItsPlace() throws {
    let error = try fault("a: [1, 2\nb: }\n") { _ in }
    #expect(error.line == 2)
    #expect(error.problem.contains("not YAML"))
  }

  @Test(arguments: [("12", 12), ("0x1F", 31), ("-3", -3)])
  func wholeNumbers(_ text: String, _ value: Int) throws {
    let root = try YAMLDocument(text: "a: \(text)", file: "f").root.mapping(keys: ["a"])
    #expect(try root.required("a").integer(in: -100...100) == value)
  }

  @Test(arguments: ["1.5", "ten", "--3", "+-3", "0x", "99999999999999999999", "101", "[1]"])
  func otherNumbersAreRefused(_ text: String) throws {
    _ = try fault("a: \(text)") { _ = try $0.mapping(keys: ["a"]).required("a").integer(in: -100...100) }
  }

  @Test func aliasesCanNotExplode() throws {
    var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for level in 1..<9 {
      let list = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
      text += "a\(level): &a\(level) [\(list)]\n"
    }
    let error = try fault(text) { _ in }
    #expect(error.problem.contains("aliases"))
  }

  @Test func deepNestingIsRefusedAndDoesNotOverflow() throws {
    let error = try fault(String(repeating: "[", count: 100_000)) { _ in }
    #expect(error.file == "f.yaml")
  }

  @Test func anEmptyFileIsAnEmptyMapping() throws {
    let root = try YAMLDocument(text: "# nothing\n", file: "f").root.mapping(keys: ["a"])
    #expect(root["a"] == nil)
  }
}

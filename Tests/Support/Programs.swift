import Foundation

/// A program that a test runs, with its output.
public final class Program: Sendable {
  /// Where `swift build` put the programs: beside the test runner.
  public static let folder: String = {
    let runner = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    return URL(fileURLWithPath: runner).deletingLastPathComponent().path
  }()

  private let process = Process()
  private let outputPath: String
  private let errorPath: String

  /// Starts a program by its name in the build folder, or by an absolute path.
  public init(_ name: String, _ arguments: [String], environment: [String: String] = [:]) throws {
    let folder = try TestPaths.temporaryFolder()
    outputPath = folder + "/out"
    errorPath = folder + "/err"
    for path in [outputPath, errorPath] { try Data().write(to: URL(fileURLWithPath: path)) }
    process.executableURL = URL(fileURLWithPath: name.hasPrefix("/") ? name : Self.folder + "/" + name)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardOutput = FileHandle(forWritingAtPath: outputPath)
    process.standardError = FileHandle(forWritingAtPath: errorPath)
    process.standardInput = FileHandle.nullDevice
    try process.run()
  }

  deinit { if process.isRunning { process.terminate() } }

  public var isRunning: Bool { process.isRunning }
  /// What it has printed; bytes that are no text are replaced.
  public var output: String { Self.text(outputPath) }
  public var errors: String { Self.text(errorPath) }

  private static func text(_ path: String) -> String {
    String(decoding: (try? Data(contentsOf: URL(fileURLWithPath: path))) ?? Data(), as: UTF8.self)
  }

  public var lines: [String] { output.split(separator: "\n").map(String.init) }
  public var pid: Int32 { process.processIdentifier }

  public func signal(_ number: Int32) { kill(process.processIdentifier, number) }

  /// Waits at most so long; nil when the program still runs then.
  public func exitCode(within seconds: Double) async -> Int32? {
    await eventually(within: seconds) { !self.process.isRunning }
    return process.isRunning ? nil : process.terminationStatus
  }

  /// Runs a program to its end.
  public static func run(
    _ name: String, _ arguments: [String], environment: [String: String] = [:], within seconds: Double = 20
  ) async throws -> (code: Int32?, output: String, errors: String) {
    let program = try Program(name, arguments, environment: environment)
    let code = await program.exitCode(within: seconds)
    return (code, program.output, program.errors)
  }
}

/// Waits until something holds; tests on a loaded machine must not guess how long it takes.
@discardableResult
public func eventually(
  within seconds: Double = 10, _ condition: () async throws -> Bool
) async rethrows -> Bool {
  let deadline = Date().addingTimeInterval(seconds)
  while Date() < deadline {
    if try await condition() { return true }
    try? await Task.sleep(nanoseconds: 5_000_000)
  }
  return try await condition()
}

import ArgumentParser

/// The program's exit statuses besides 0 (done) and 64 (a command line that is not understood). They are those of cmp(1)
/// and diff(1).
extension ExitCode {
  /// A comparison or a check was made, and its result is negative.
  package static let differs = ExitCode(1)
  /// The command could not do its work, or not all of it.
  package static let couldNot = ExitCode(2)
}

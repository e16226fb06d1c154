import Diagnostics
public import Logging

/// Passes each event on as one line of bounded length without control characters or passwords.
///
/// The boundary of the log: messages name clients, devices and files, whose names may be anything.
public struct PrintableLogHandler<Base: LogHandler>: LogHandler {
  private var base: Base

  public init(_ base: Base) { self.base = base }

  public var metadata: Logger.Metadata {
    get { base.metadata }
    set { base.metadata = newValue.printable }
  }

  public var metadataProvider: Logger.MetadataProvider? {
    get { base.metadataProvider }
    set {
      base.metadataProvider = newValue.map { given in Logger.MetadataProvider { given.get().printable } }
    }
  }

  public var logLevel: Logger.Level {
    get { base.logLevel }
    set { base.logLevel = newValue }
  }

  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { base[metadataKey: printableKey(key)] }
    set { base[metadataKey: printableKey(key)] = newValue.map(\.printable) }
  }

  public func log(event: LogEvent) { base.log(event: event.printable) }
}

extension LogEvent {
  /// The event with a message and metadata that may be shown.
  var printable: LogEvent {
    var event = self
    event.message = "\(shown(event.message.description, limit: 8192))"
    event.metadata = event.metadata?.printable
    return event
  }
}

extension Logger.Metadata {
  fileprivate var printable: Logger.Metadata {
    // Keys that differ in their control characters only may become one.
    Logger.Metadata(map { (printableKey($0), $1.printable) }, uniquingKeysWith: { first, _ in first })
  }
}

extension Logger.MetadataValue {
  /// The value as it stands behind `key=`: in quotation marks where it could be read as several values.
  fileprivate var printable: Logger.MetadataValue {
    // What was quoted before stays as it is.
    if case .stringConvertible(let value) = self, value is QuotedText { return self }
    return .stringConvertible(QuotedText(shown(description, limit: 1024)))
  }
}

/// A value of the log's metadata that may be shown: in quotation marks where it has a space, `=` or `"`.
private struct QuotedText: CustomStringConvertible, Sendable {
  let description: String

  init(_ text: String) {
    let isPlain = !text.isEmpty && !text.unicodeScalars.contains { " =\"".unicodeScalars.contains($0) }
    guard !isPlain else {
      description = text
      return
    }
    var quoted = "\""
    for scalar in text.unicodeScalars {
      if scalar == "\"" || scalar == "\\" { quoted.append("\\") }
      quoted.unicodeScalars.append(scalar)
    }
    description = quoted + "\""
  }
}

/// A key without spaces, `=` and quotation marks, which separate it from its value.
private func printableKey(_ key: String) -> String {
  let separators = " =\"".unicodeScalars
  let scalars = shown(key, limit: 64).unicodeScalars.map { separators.contains($0) ? "_" : $0 }
  return String(String.UnicodeScalarView(scalars))
}

private func shown(_ text: String, limit: Int) -> String {
  printable(maskingUserInformation(text), limit: limit)
}

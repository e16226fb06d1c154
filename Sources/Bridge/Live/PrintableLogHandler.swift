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
    set { base.metadataProvider = newValue }
  }

  public var logLevel: Logger.Level {
    get { base.logLevel }
    set { base.logLevel = newValue }
  }

  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { base[metadataKey: key] }
    set { base[metadataKey: key] = newValue.map(\.printable) }
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
  fileprivate var printable: Logger.Metadata { mapValues(\.printable) }
}

extension Logger.MetadataValue {
  fileprivate var printable: Logger.MetadataValue { .string(shown(description, limit: 1024)) }
}

private func shown(_ text: String, limit: Int) -> String {
  printable(maskingUserInformation(text), limit: limit)
}

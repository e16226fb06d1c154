public import Sensing

/// What a running bridge publishes as it happens.
public final class LiveChannels: Sendable {
  /// Annotations as they are published.
  public let annotations = Broadcast<[Annotation]>(depth: 512)
  /// Changes of buttons, triggers and axes.
  public let controls = Broadcast<ControlEvent>(depth: 4096)
  public let log = LogTail()

  public init() {}
}

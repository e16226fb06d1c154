import Spatial

/// Consecutive samples of a microphone, mono.
public struct AudioBlock: Sendable, Equatable {
  /// The rate that recognisers expect; sources resample to it.
  public static let rate = 16_000

  public var microphone: String
  /// 16 kHz.
  public var samples: [Int16]
  /// When the first sample was taken.
  public var captured: Timestamp
  /// When the samples were read.
  public var received: Timestamp
  /// Samples lost before these: an overrun, or a disconnected microphone.
  public var lost: Int

  public init(
    microphone: String, samples: [Int16], captured: Timestamp, received: Timestamp, lost: Int = 0
  ) {
    self.microphone = microphone
    self.samples = samples
    self.captured = captured
    self.received = received
    self.lost = lost
  }

  /// Seconds.
  public var duration: Double { Double(samples.count) / Double(Self.rate) }
}

import Synchronization

/// Token buckets of one second, one for each principal: the requests of one do not count for another.
public final class RateLimit: Sendable {
  private struct Bucket {
    var tokens: Double
    var filled: ContinuousClock.Instant
  }
  private let buckets = Mutex<[Principal: Bucket]>([:])
  private let rate: Double

  /// Principals that are remembered. A bucket that is full again carries no information.
  private static let maximumBuckets = 1024

  /// - Parameter rate: requests a second of one principal.
  public init(_ rate: Double) { self.rate = rate }

  /// Takes a token from the principal's bucket; returns false when it is empty.
  public func admits(_ principal: Principal, at now: ContinuousClock.Instant = .now) -> Bool {
    buckets.withLock { buckets in
      if buckets[principal] == nil, buckets.count >= Self.maximumBuckets {
        buckets = buckets.filter { now - $0.value.filled < .seconds(1) }
        // More principals within a second than are remembered share one bucket.
        if buckets.count >= Self.maximumBuckets { return take(&buckets, .unknown, now) }
      }
      return take(&buckets, principal, now)
    }
  }

  private func take(
    _ buckets: inout [Principal: Bucket], _ principal: Principal, _ now: ContinuousClock.Instant
  ) -> Bool {
    var bucket = buckets[principal] ?? Bucket(tokens: rate, filled: now)
    bucket.tokens = min(rate, bucket.tokens + (now - bucket.filled) / .seconds(1) * rate)
    bucket.filled = now
    let isAdmitted = bucket.tokens >= 1
    if isAdmitted { bucket.tokens -= 1 }
    buckets[principal] = bucket
    return isAdmitted
  }
}

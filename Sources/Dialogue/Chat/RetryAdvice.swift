public import Foundation

/// When to repeat a request.
public enum RetryAdvice {
  /// Returns the pause in seconds that the server requests; nil when it requests none.
  ///
  /// - Parameters:
  ///   - headers: by name in lower case.
  ///   - now: the time from which a date in a header is counted.
  public static func seconds(_ headers: [String: String], now: Date) -> Double? {
    if let text = headers["retry-after-ms"], let value = Double(text), value.isFinite, value >= 0 {
      return min(value / 1000, 3600)
    }
    guard let text = headers["retry-after"]?.trimmingCharacters(in: .whitespaces) else { return nil }
    if let value = Double(text), value.isFinite, value >= 0 { return min(value, 3600) }
    let format = DateFormatter()
    format.locale = Locale(identifier: "en_US_POSIX")
    format.timeZone = TimeZone(identifier: "GMT")
    // RFC 9110, §5.6.7.
    for pattern in [
      "EEE, dd MMM yyyy HH:mm:ss zzz", "EEEE, dd-MMM-yy HH:mm:ss zzz", "EEE MMM d HH:mm:ss yyyy",
    ] {
      format.dateFormat = pattern
      if let date = format.date(from: text) { return min(max(0, date.timeIntervalSince(now)), 3600) }
    }
    return nil
  }

  /// Whether a repeated request may succeed after this status.
  public static func isPassing(_ status: Int) -> Bool {
    [408, 409, 425, 429].contains(status) || status >= 500
  }
}

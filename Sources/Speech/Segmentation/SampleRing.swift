import Sensing
import Spatial

/// The newest part of a stream of samples, with the time of each.
struct SampleRing {
  private var samples: [Float] = []
  /// Position of the first sample that is kept.
  private var base = 0
  /// Positions whose times are known; between them the rate holds.
  private var marks: [(position: Int, time: Timestamp)] = []

  var end: Int { base + samples.count }

  mutating func append(_ block: [Int16], at time: Timestamp) {
    marks.append((end, time))
    samples.reserveCapacity(samples.count + block.count)
    for sample in block { samples.append(Float(sample) / 32_768) }
  }

  mutating func appendSilence(_ count: Int) { samples.append(contentsOf: repeatElement(0, count: count)) }

  /// Samples from one position to another, as far as they are kept.
  func slice(_ from: Int, _ to: Int) -> [Float] {
    let low = max(from, base) - base
    let high = min(to, end) - base
    return low < high ? Array(samples[low..<high]) : []
  }

  func time(_ position: Int) -> Timestamp {
    guard let mark = marks.last(where: { $0.position <= position }) ?? marks.first else {
      return Timestamp(nanoseconds: 0)
    }
    let seconds = Double(position - mark.position) / Double(AudioBlock.rate)
    return mark.time.advanced(byNanoseconds: Int64(seconds * 1e9))
  }

  /// Forgets what lies before a position; now and then, so that what is kept is not moved each time.
  mutating func drop(before position: Int) {
    guard position - base > 32_000 else { return }
    samples.removeFirst(min(position - base, samples.count))
    base = position
    let first = marks.lastIndex { $0.position <= position } ?? 0
    marks.removeFirst(first)
  }
}

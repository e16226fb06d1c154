import Sensing
import Spatial

/// The latest part of a stream of samples, with the time of each.
struct SampleRing {
  private var samples: [Float] = []
  /// Position of the first sample that is kept.
  private var base = 0
  /// Positions whose times are known; between them the nominal rate holds.
  private var marks: [(position: Int, time: Timestamp)] = []

  /// Samples between two removals, which move all kept samples: two seconds.
  private static let dropInterval = 32_000

  /// Position after the last sample.
  var end: Int { base + samples.count }

  mutating func append(_ block: [Int16], at time: Timestamp) {
    marks.append((end, time))
    samples.reserveCapacity(samples.count + block.count)
    for sample in block { samples.append(Float(sample) / 32_768) }
  }

  mutating func appendSilence(_ count: Int) { samples.append(contentsOf: repeatElement(0, count: count)) }

  /// Returns the samples between two positions, as far as they are kept.
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

  /// Removes samples before a position, as soon as there are enough of them.
  mutating func drop(before position: Int) {
    guard position - base > Self.dropInterval else { return }
    samples.removeFirst(min(position - base, samples.count))
    base = position
    let first = marks.lastIndex { $0.position <= position } ?? 0
    marks.removeFirst(first)
  }
}

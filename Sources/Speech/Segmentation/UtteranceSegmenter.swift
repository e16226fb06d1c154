/// Cuts a stream of sound into utterances, window by window, and says when what is to be decoded.
///
/// Cutting where the voice pauses costs words: a recogniser hears a sentence better whole. So an utterance is decoded as a
/// whole when the voice first pauses, its text becomes final at the second bound, and if the voice goes on soon after,
/// the whole is decoded again. Knows no clock: positions are samples from the start of the stream.
struct UtteranceSegmenter {
  enum Demand: Equatable {
    /// A new utterance.
    case began(UInt64)
    /// The text so far of what goes on: from `from`, with what was told of the part before.
    case partial(UInt64, from: Int, upTo: Int, freezes: Bool)
    /// The whole utterance, which may be over: voice ended at `end`.
    case whole(UInt64, from: Int, upTo: Int, end: Int)
    /// The text of `whole` with this end is final.
    case final(UInt64, end: Int, voice: Double)
    /// The utterance is over and will not be told again.
    case closed(UInt64, isCut: Bool)
    /// There was too little voice to be anything.
    case dropped(UInt64)
  }

  private struct Utterance {
    var number: UInt64
    /// First sample.
    var start: Int
    /// After the last voiced sample.
    var end: Int
    /// Samples in voiced windows.
    var voiced = 0
    /// From where partial texts are decoded.
    var partialStart: Int
    /// Voice since the last text of it was asked for, samples.
    var untold: Int
    /// The end for which the whole was asked for.
    var askedEnd = -1
    var finalEnd = -1
    /// Ends of voice before pauses, where it may be cut.
    var pauses: [Int] = []
  }

  private let settings: SegmentationSettings
  private let rate: Double
  private var utterance: Utterance?
  private var nextNumber: UInt64 = 1
  private var wasVoice = false
  /// After the voice of the last utterance.
  private var told = 0
  /// Where a wake word was heard.
  private var wake: Int?
  /// The voice is little louder than what is around it.
  var isNoisy = false
  /// After the last window.
  private(set) var position = 0

  init(_ settings: SegmentationSettings, rate: Double = 16_000) {
    self.settings = settings
    self.rate = rate
  }

  /// How far before the moment at which it is known a wake word may begin, with what it takes to know it; the end of a
  /// word would be decoded as another one.
  private static let wakeReach = 1.6
  /// Seconds between a wake word and what is said with it in one breath.
  private static let breath = 0.2

  /// A wake word was heard: a voice that goes on is told with it.
  mutating func wakes() { wake = position }

  /// The oldest sample that may still be asked for.
  var needed: Int { utterance?.start ?? max(0, position - samples(settings.lead) - samples(1)) }

  /// Samples to come before which nothing can be asked for, as long as a voice goes on, or stays away.
  var patience: Int {
    guard let utterance else { return .max }
    if wasVoice {
      return settings.tellsPartials ? interval(utterance) - utterance.untold : .max
    }
    let bounds = [settings.firstPause, settings.secondPause].map { utterance.end + samples($0) - position }
    return bounds.first { $0 > 0 } ?? .max
  }

  private func samples(_ seconds: Double) -> Int { Int((seconds * rate).rounded()) }

  /// Voice after which a text is asked for. A long one takes longer to decode, and is asked for a window sooner.
  private func interval(_ utterance: Utterance) -> Int {
    let whole = samples(settings.partialInterval)
    // As long as it will be when it is due.
    let length = position - utterance.untold + whole - utterance.partialStart
    return length > samples(settings.partialWindow * 0.75) ? whole - VoiceDetector.window : whole
  }

  /// - Parameters:
  ///   - count: samples of the window.
  ///   - isVoice: the detector's word, which says so `VoiceDetector.silence` longer than it is.
  mutating func add(_ count: Int, isVoice: Bool) -> [Demand] {
    let start = position
    position += count
    var demands: [Demand] = []
    defer { wasVoice = isVoice }
    if isVoice {
      if utterance == nil {
        // Nothing is told twice.
        var begin = max(told, start - samples(settings.lead))
        // A short text needs less before it.
        var partial = max(told, start - samples(settings.partialLead))
        if let wake {
          let goesOn = start - wake < samples(Self.breath)
          begin = max(told, goesOn ? wake - samples(Self.wakeReach) : max(begin, wake - samples(Self.breath)))
          partial = goesOn ? begin : max(partial, begin)
        }
        wake = nil
        utterance = Utterance(
          number: nextNumber, start: begin, end: position, partialStart: partial, untold: 0)
        nextNumber += 1
        demands.append(.began(nextNumber - 1))
      } else if !wasVoice, let current = utterance, current.untold == 0 {
        // A pause in which nothing is untold need not be decoded again.
        let begin = max(current.partialStart, start - samples(settings.partialLead))
        utterance?.partialStart = begin
      }
      utterance?.end = position
      utterance?.voiced += count
      utterance?.untold += count
    }
    guard var current = utterance else { return demands }
    if isVoice {
      if settings.tellsPartials, current.untold >= interval(current) {
        let freezes = position - current.partialStart >= samples(settings.partialWindow)
        demands.append(
          .partial(current.number, from: current.partialStart, upTo: position, freezes: freezes))
        current.untold = 0
        if freezes { current.partialStart = position }
      }
      if position - current.start > samples(settings.longest) {
        demands += cut(&current)
        utterance = current
        return demands
      }
    } else {
      if wasVoice {
        // The detector's smoothing is no voice.
        current.end = max(current.start, start - samples(VoiceDetector.silence))
        current.pauses.append(current.end)
      }
      let pause = position - current.end
      if pause >= samples(settings.firstPause), current.askedEnd != current.end {
        current.askedEnd = current.end
        demands.append(
          .whole(
            current.number, from: current.start, upTo: min(position, current.end + samples(settings.tail)),
            end: current.end))
        // Should the voice go on, what was decoded stands.
        current.partialStart = max(current.partialStart, current.end)
        current.untold = 0
      }
      if pause >= samples(settings.secondPause), current.finalEnd != current.end {
        let voice = Double(current.voiced) / rate
        if voice < settings.leastVoice {
          utterance = nil
          return demands + [.dropped(current.number)]
        }
        current.finalEnd = current.end
        demands.append(.final(current.number, end: current.end, voice: voice))
      }
      let enough = isNoisy ? max(settings.noisyEnough, settings.enough) : settings.enough
      let separation = isNoisy ? max(settings.noisySeparation, settings.separation) : settings.separation
      let isEnough = current.finalEnd == current.end && position - current.start > samples(enough)
      if isEnough || pause >= samples(separation) {
        utterance = nil
        told = current.end
        return demands + [.closed(current.number, isCut: false)]
      }
    }
    utterance = current
    return demands
  }

  /// Ends a long utterance at its last pause, or here, and begins the next with the rest.
  private mutating func cut(_ current: inout Utterance) -> [Demand] {
    let least = current.start + samples(settings.longest) / 3
    let end = current.pauses.last { $0 > least } ?? position
    let demands: [Demand] = [
      .whole(current.number, from: current.start, upTo: end, end: end),
      .final(current.number, end: end, voice: Double(current.voiced) / rate),
      .closed(current.number, isCut: true), .began(nextNumber),
    ]
    current = Utterance(
      number: nextNumber, start: end, end: position, voiced: position - end, partialStart: end, untold: 0)
    nextNumber += 1
    return demands
  }

  /// The stream ends here, or is to be taken as ended.
  mutating func finish() -> [Demand] {
    guard let current = utterance else { return [] }
    utterance = nil
    wasVoice = false
    guard Double(current.voiced) / rate >= settings.leastVoice else { return [.dropped(current.number)] }
    var demands: [Demand] = []
    if current.askedEnd != current.end {
      demands.append(
        .whole(
          current.number, from: current.start, upTo: min(position, current.end + samples(settings.tail)),
          end: current.end))
    }
    if current.finalEnd != current.end {
      demands.append(.final(current.number, end: current.end, voice: Double(current.voiced) / rate))
    }
    return demands + [.closed(current.number, isCut: false)]
  }

  /// Forgets the utterance that goes on.
  mutating func cancel() -> UInt64? {
    defer { utterance = nil }
    return utterance?.number
  }
}

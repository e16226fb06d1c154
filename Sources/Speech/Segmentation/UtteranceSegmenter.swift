/// Divides a stream of sound into utterances, window by window, and requests decoding.
///
/// A division at each pause would cost words, as a recogniser transcribes a whole sentence better. So an utterance is decoded as
/// a whole at the first pause of the voice, its text becomes final at the second bound, and when the voice goes on soon after,
/// the whole is decoded again. Positions are samples from the start of the stream; there is no clock.
struct UtteranceSegmenter {
  enum Action: Equatable {
    case began(UInt64)
    /// Decode a partial text of `from` to `upTo`.
    case partial(UInt64, from: Int, upTo: Int, freezes: Bool)
    /// Decode the whole utterance, whose voice ended at `end`.
    case whole(UInt64, from: Int, upTo: Int, end: Int)
    /// Report the text of the `whole` with this end as final; `voice` in seconds.
    case final(UInt64, end: Int, voice: Double)
    /// The utterance is over.
    case closed(UInt64, isCut: Bool)
    /// The utterance had too little voice.
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
    /// First sample that is decoded for partial texts.
    var partialStart: Int
    /// Voiced samples since the last requested text.
    var voicedSinceText: Int
    /// `end` of the last requested whole.
    var requestedEnd = -1
    /// `end` of the last final text.
    var finalEnd = -1
    /// Ends of voice before pauses, where the utterance may be cut.
    var pauses: [Int] = []
  }

  private let settings: SegmentationSettings
  private let rate: Double
  private var utterance: Utterance?
  private var nextNumber: UInt64 = 1
  private var wasVoice = false
  /// After the voice of the last utterance.
  private var reportedEnd = 0
  /// Where a wake word was detected.
  private var wakeEnd: Int?
  /// The voice is little louder than the noise.
  var isNoisy = false
  /// After the last window.
  private(set) var position = 0

  init(_ settings: SegmentationSettings, rate: Double = 16_000) {
    self.settings = settings
    self.rate = rate
  }

  /// Seconds from the begin of a wake word to its detection at most; the end of the word alone would be decoded as
  /// another word.
  private static let wakeReach = 1.6
  /// Seconds between a wake word and speech that follows it in one breath.
  private static let breath = 0.2

  /// Reports a wake word at the present position: a voice that goes on is decoded together with it.
  mutating func wake() { wakeEnd = position }

  /// The oldest sample that a later action may request.
  var oldestNeeded: Int { utterance?.start ?? max(0, position - samples(settings.lead) - samples(1)) }

  /// Samples before the next action at the earliest, provided that the voice neither begins nor ends before.
  var samplesUntilAction: Int {
    guard let utterance else { return .max }
    if wasVoice {
      return settings.emitsPartialResults ? partialInterval(utterance) - utterance.voicedSinceText : .max
    }
    let bounds = [settings.firstPause, settings.secondPause].map { utterance.end + samples($0) - position }
    return bounds.first { $0 > 0 } ?? .max
  }

  private func samples(_ seconds: Double) -> Int { Int((seconds * rate).rounded()) }

  /// Returns the voice between two partial texts, in samples; a window less for long sound, which takes longer to decode.
  private func partialInterval(_ utterance: Utterance) -> Int {
    let whole = samples(settings.partialInterval)
    let lengthWhenDue = position - utterance.voicedSinceText + whole - utterance.partialStart
    return lengthWhenDue > samples(settings.partialWindow * 0.75) ? whole - VoiceDetector.window : whole
  }

  /// Takes the next window.
  ///
  /// - Parameters:
  ///   - count: samples of the window.
  ///   - isVoice: of the detector, which stays true for `VoiceDetector.silence` after the voice.
  mutating func add(_ count: Int, isVoice: Bool) -> [Action] {
    let start = position
    position += count
    defer { wasVoice = isVoice }
    var actions: [Action] = []
    if isVoice { actions += addVoice(count, from: start) }
    guard let current = utterance else { return actions }
    return actions + (isVoice ? continueVoice(current) : continuePause(current, from: start))
  }

  private mutating func addVoice(_ count: Int, from start: Int) -> [Action] {
    var actions: [Action] = []
    if utterance == nil {
      let (first, partialFirst) = begin(ofVoiceAt: start)
      utterance = Utterance(
        number: nextNumber, start: first, end: position, partialStart: partialFirst, voicedSinceText: 0)
      nextNumber += 1
      actions.append(.began(nextNumber - 1))
    } else if !wasVoice, let current = utterance, current.voicedSinceText == 0 {
      // A pause without pending voice need not be decoded again.
      let first = max(current.partialStart, start - samples(settings.partialLead))
      utterance?.partialStart = first
    }
    utterance?.end = position
    utterance?.voiced += count
    utterance?.voicedSinceText += count
    return actions
  }

  /// Returns the first sample of a new utterance, and the first that is decoded for its partial texts.
  private mutating func begin(ofVoiceAt start: Int) -> (whole: Int, partial: Int) {
    // No sound belongs to two utterances.
    var whole = max(reportedEnd, start - samples(settings.lead))
    var partial = max(reportedEnd, start - samples(settings.partialLead))
    if let wakeEnd {
      let goesOn = start - wakeEnd < samples(Self.breath)
      whole = max(
        reportedEnd,
        goesOn ? wakeEnd - samples(Self.wakeReach) : max(whole, wakeEnd - samples(Self.breath)))
      partial = goesOn ? whole : max(partial, whole)
    }
    wakeEnd = nil
    return (whole, partial)
  }

  private mutating func continueVoice(_ utterance: Utterance) -> [Action] {
    var current = utterance
    var actions: [Action] = []
    if settings.emitsPartialResults, current.voicedSinceText >= partialInterval(current) {
      let freezes = position - current.partialStart >= samples(settings.partialWindow)
      actions.append(.partial(current.number, from: current.partialStart, upTo: position, freezes: freezes))
      current.voicedSinceText = 0
      if freezes { current.partialStart = position }
    }
    if position - current.start > samples(settings.longest) { actions += cut(&current) }
    self.utterance = current
    return actions
  }

  private mutating func continuePause(_ utterance: Utterance, from start: Int) -> [Action] {
    var current = utterance
    var actions: [Action] = []
    if wasVoice {
      // The detector holds its state for this long.
      current.end = max(current.start, start - samples(VoiceDetector.silence))
      current.pauses.append(current.end)
    }
    let pause = position - current.end
    if pause >= samples(settings.firstPause), current.requestedEnd != current.end {
      current.requestedEnd = current.end
      actions.append(whole(current))
      // Where the voice goes on, the decoded text is kept.
      current.partialStart = max(current.partialStart, current.end)
      current.voicedSinceText = 0
    }
    if pause >= samples(settings.secondPause), current.finalEnd != current.end {
      let voice = Double(current.voiced) / rate
      if voice < settings.leastVoice {
        self.utterance = nil
        return actions + [.dropped(current.number)]
      }
      current.finalEnd = current.end
      actions.append(.final(current.number, end: current.end, voice: voice))
    }
    let enough = isNoisy ? max(settings.noisyEnough, settings.enough) : settings.enough
    let separation = isNoisy ? max(settings.noisySeparation, settings.separation) : settings.separation
    let isEnough = current.finalEnd == current.end && position - current.start > samples(enough)
    if isEnough || pause >= samples(separation) {
      self.utterance = nil
      reportedEnd = current.end
      return actions + [.closed(current.number, isCut: false)]
    }
    self.utterance = current
    return actions
  }

  private func whole(_ utterance: Utterance) -> Action {
    .whole(
      utterance.number, from: utterance.start, upTo: min(position, utterance.end + samples(settings.tail)),
      end: utterance.end)
  }

  /// Ends a long utterance at its last pause, or here, and begins the next with the rest.
  private mutating func cut(_ current: inout Utterance) -> [Action] {
    let least = current.start + samples(settings.longest) / 3
    let end = current.pauses.last { $0 > least } ?? position
    let actions: [Action] = [
      .whole(current.number, from: current.start, upTo: end, end: end),
      .final(current.number, end: end, voice: Double(current.voiced) / rate),
      .closed(current.number, isCut: true), .began(nextNumber),
    ]
    current = Utterance(
      number: nextNumber, start: end, end: position, voiced: position - end, partialStart: end,
      voicedSinceText: 0)
    nextNumber += 1
    return actions
  }

  /// Ends the utterance in progress.
  mutating func finish() -> [Action] {
    guard let current = utterance else { return [] }
    utterance = nil
    wasVoice = false
    guard Double(current.voiced) / rate >= settings.leastVoice else { return [.dropped(current.number)] }
    var actions: [Action] = []
    if current.requestedEnd != current.end { actions.append(whole(current)) }
    if current.finalEnd != current.end {
      actions.append(.final(current.number, end: current.end, voice: Double(current.voiced) / rate))
    }
    return actions + [.closed(current.number, isCut: false)]
  }

  /// Drops the utterance in progress.
  ///
  /// - Returns: its number; nil where there is none.
  mutating func cancel() -> UInt64? {
    defer { utterance = nil }
    return utterance?.number
  }
}

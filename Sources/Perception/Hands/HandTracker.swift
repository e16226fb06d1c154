import Imaging
import Inference
import Spatial

/// Tracks hands through the frames of a camera. The landmark model runs at each hand's last position; the palm detector
/// runs while no hand is tracked, and twice a second for further hands.
public actor HandTracker {
  public struct Hand: Sendable {
    /// Constant while the hand is tracked.
    public var id: UInt64
    public var landmarks: HandLandmarks
    public var region: PictureRegion
  }

  public static let palmModel = "palm-detection"
  public static let landmarkModel = "hand-landmarks"

  private let host: ModelHost
  private let maximumHands: Int
  private let priority: InferencePriority
  private var hands: [Hand] = []
  private var nextID: UInt64 = 1
  /// Capture time of the last frame in which hands were searched.
  private var searched: Timestamp?

  /// Seconds between searches for further hands; the detector takes more time than a tracked hand.
  private static let searchInterval = 0.5
  /// Overlap from which two regions belong to one hand.
  private static let sameHand = 0.5

  public init(host: ModelHost, maximumHands: Int = 2, priority: InferencePriority = .interactive) {
    self.host = host
    self.maximumHands = maximumHands
    self.priority = priority
  }

  /// The resolution at which `track` loses nothing in a frame: that of the landmark model at the tracked hands, and the full
  /// one when hands are searched, whose size is unknown.
  ///
  /// - Parameter time: of the frame's capture; nil for a picture without a time.
  public func resolution(at time: Timestamp? = nil) -> PictureResolution {
    if isSearchDue(at: time) { return .full }
    guard let width = hands.map(\.landmarks.nextRegion.width).min(), width.isFinite, width > 0 else {
      return .full
    }
    return PictureResolution(
      scale: min(1, Double(HandLandmarks.side) / width), side: PalmDetector.side)
  }

  private func isSearchDue(at time: Timestamp?) -> Bool {
    guard hands.count < maximumHands, let time else { return hands.isEmpty }
    // A session may be played again from an earlier time.
    return searched.map { abs(time.seconds(since: $0)) >= Self.searchInterval } ?? true
  }

  /// - Parameter time: of the frame's capture; nil for pictures without one, in which further hands are not searched while
  ///   a hand is tracked.
  /// - Returns: the hands, in the picture's coordinates, and the model that found their landmarks.
  public func track(_ image: some SampledImage, at time: Timestamp? = nil) async throws(InferenceError) -> (
    hands: [Hand], model: ModelHost.Loaded
  ) {
    let palmModel = try await host.model(Self.palmModel)
    let landmarkModel = try await host.model(Self.landmarkModel)
    let isDue = isSearchDue(at: time)
    var found: [Hand] = []
    for hand in hands {
      guard let landmarks = try await landmarks(image, hand.landmarks.nextRegion, landmarkModel) else {
        continue
      }
      let next = Hand(id: hand.id, landmarks: landmarks, region: landmarks.nextRegion)
      // Two tracks that converge are one hand.
      if !found.contains(where: { Self.overlap($0.region, next.region) > Self.sameHand }) {
        found.append(next)
      }
    }
    if found.isEmpty || (found.count < maximumHands && isDue) {
      searched = time
      let outputs = try await host.infer(palmModel, [PalmDetector.input(image)], priority: priority)
      let palms = try PalmDetector.palms(outputs, width: image.width, height: image.height)
      // Of overlapping palms MediaPipe keeps the last one.
      var regions: [PictureRegion] = []
      for palm in palms.prefix(maximumHands) {
        let region = palm.handRegion
        regions.removeAll { Self.overlap($0, region) > Self.sameHand }
        regions.append(region)
      }
      for region in regions {
        guard found.count < maximumHands,
          !found.contains(where: { Self.overlap($0.region, region) > Self.sameHand }),
          let landmarks = try await landmarks(image, region, landmarkModel)
        else { continue }
        found.append(Hand(id: nextID, landmarks: landmarks, region: region))
        nextID += 1
      }
    }
    hands = found
    return (found, landmarkModel)
  }

  /// Discards all tracks.
  public func reset() {
    hands = []
    searched = nil
  }

  private func landmarks(
    _ image: some SampledImage, _ region: PictureRegion, _ model: ModelHost.Loaded
  ) async throws(InferenceError) -> HandLandmarks? {
    guard region.width.isFinite, region.width > 1 else { return nil }
    let outputs = try await host.infer(model, [HandLandmarks.input(image, region)], priority: priority)
    return try HandLandmarks.decode(outputs, region)
  }

  /// Intersection over union of the upright squares around the regions' centres, exact enough to separate hands.
  private static func overlap(_ a: PictureRegion, _ b: PictureRegion) -> Double {
    let half = (a.width + b.width) / 4
    let width = max(0, min(a.centerX, b.centerX) + half - (max(a.centerX, b.centerX) - half))
    let height = max(0, min(a.centerY, b.centerY) + half - (max(a.centerY, b.centerY) - half))
    let shared = width * height
    let all = 2 * (2 * half) * (2 * half) - shared
    return all > 0 ? shared / all : 0
  }
}

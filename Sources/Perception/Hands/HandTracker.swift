import Imaging
import Inference

/// Follows hands from picture to picture: a hand that was there is looked for where it was; the detector runs only
/// when none is followed, and now and then for a second one.
public actor HandTracker {
  public struct Hand: Sendable {
    /// Stays while the hand is followed.
    public var id: UInt64
    public var landmarks: HandLandmarks
    public var region: PictureRegion
  }

  public static let palmModel = "palm-detection"
  public static let landmarkModel = "hand-landmarks"

  private let host: ModelHost
  private let maximumHands: Int
  private var hands: [Hand] = []
  private var nextID: UInt64 = 1
  private var sinceDetection = 0

  /// Pictures between looks for a second hand.
  private static let detectionInterval = 10
  /// Two regions that share more than this are of one hand.
  private static let sameHand = 0.5

  public init(host: ModelHost, maximumHands: Int = 2) {
    self.host = host
    self.maximumHands = maximumHands
  }

  /// - Returns: the hands, and the model that found their landmarks.
  public func track(_ image: RGBImage) async throws(InferenceError) -> (
    hands: [Hand], model: ModelHost.Loaded
  ) {
    let palmModel = try await host.model(Self.palmModel)
    let landmarkModel = try await host.model(Self.landmarkModel)
    var found: [Hand] = []
    for hand in hands {
      guard let landmarks = try await landmarks(image, hand.landmarks.nextRegion, landmarkModel) else {
        continue
      }
      let next = Hand(id: hand.id, landmarks: landmarks, region: landmarks.nextRegion)
      // Two that ran into each other are one.
      if !found.contains(where: { Self.overlap($0.region, next.region) > Self.sameHand }) {
        found.append(next)
      }
    }
    sinceDetection += 1
    if found.isEmpty || (found.count < maximumHands && sinceDetection >= Self.detectionInterval) {
      sinceDetection = 0
      let outputs = try await host.infer(palmModel, [PalmDetector.input(image)], priority: .hands)
      let palms = try PalmDetector.palms(outputs, width: image.width, height: image.height)
      // Of hands that lie on each other MediaPipe follows the one that was found last.
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

  /// Forgets all hands.
  public func reset() {
    hands = []
    sinceDetection = 0
  }

  private func landmarks(
    _ image: RGBImage, _ region: PictureRegion, _ model: ModelHost.Loaded
  ) async throws(InferenceError) -> HandLandmarks? {
    guard region.width.isFinite, region.width > 1 else { return nil }
    let outputs = try await host.infer(model, [HandLandmarks.input(image, region)], priority: .hands)
    return try HandLandmarks.decode(outputs, region)
  }

  /// Of the upright squares around the regions' middles: near enough to tell hands apart.
  private static func overlap(_ a: PictureRegion, _ b: PictureRegion) -> Double {
    let half = (a.width + b.width) / 4
    let width = max(0, min(a.centerX, b.centerX) + half - (max(a.centerX, b.centerX) - half))
    let height = max(0, min(a.centerY, b.centerY) + half - (max(a.centerY, b.centerY) - half))
    let shared = width * height
    let all = 2 * (2 * half) * (2 * half) - shared
    return all > 0 ? shared / all : 0
  }
}

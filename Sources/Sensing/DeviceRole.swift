/// The body part or function that a device tracks.
public enum DeviceRole: UInt8, Sendable, Hashable, CaseIterable {
  case none = 0
  case head = 1
  case leftHand = 2
  case rightHand = 3
  case chest = 4
  case waist = 5
  case leftElbow = 6
  case rightElbow = 7
  case leftKnee = 8
  case rightKnee = 9
  case leftFoot = 10
  case rightFoot = 11
  case tracker = 12

  /// The name in files, protocol and display.
  public var name: String {
    switch self {
    case .none: "none"
    case .head: "head"
    case .leftHand: "left_hand"
    case .rightHand: "right_hand"
    case .chest: "chest"
    case .waist: "waist"
    case .leftElbow: "left_elbow"
    case .rightElbow: "right_elbow"
    case .leftKnee: "left_knee"
    case .rightKnee: "right_knee"
    case .leftFoot: "left_foot"
    case .rightFoot: "right_foot"
    case .tracker: "tracker"
    }
  }

  public init?(name: String) {
    guard let role = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = role
  }

  /// OpenXR's top-level user path, where OpenXR (or its Vive tracker extension) has one.
  public var userPath: String? {
    switch self {
    case .none, .tracker: nil
    case .head: "/user/head"
    case .leftHand: "/user/hand/left"
    case .rightHand: "/user/hand/right"
    default: "/user/vive_tracker_htcx/role/" + name
    }
  }
}

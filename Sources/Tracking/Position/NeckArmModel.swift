import Sensing
import Spatial

/// Where a head or a hand probably is when only its attitude is known. An estimate, and flagged as one: it moves as
/// necks and forearms turn, and knows nothing of steps and reaches.
public enum NeckArmModel: Sendable, Equatable {
  case neck
  case leftForearm
  case rightForearm

  public init?(_ role: DeviceRole) {
    switch role {
    case .head: self = .neck
    case .leftHand: self = .leftForearm
    case .rightHand: self = .rightForearm
    default: return nil
    }
  }

  /// Metres from the joint to the tracked point, in the device's axes: eyes above and before the neck's joint as in
  /// Google's Cardboard SDK (0.075 and 0.080 m); a hand's length and forearm of 0.25 m as in its Daydream arm model.
  private var lever: Vector3 {
    switch self {
    case .neck: Vector3(0, 0.075, -0.08)
    case .leftForearm, .rightForearm: Vector3(0, 0, -0.25)
    }
  }

  /// Metres, world axes, from where the head is at rest and level: the neck's joint below and behind the eyes, the
  /// elbows as in the Daydream arm model.
  private var joint: Vector3 {
    switch self {
    case .neck: Vector3(0, -0.075, 0.08)
    case .leftForearm: Vector3(-0.195, -0.5, -0.005)
    case .rightForearm: Vector3(0.195, -0.5, -0.005)
    }
  }

  /// m: how far people lean, and reach, past the model.
  private var uncertainty: Double { self == .neck ? 0.15 : 0.35 }

  /// Adds a position to a state without one.
  func place(_ state: inout TrackedState) {
    guard !state.flags.contains(.positionValid) else { return }
    let arm = state.worldFromDevice.orientation.rotate(lever)
    state.worldFromDevice.position = joint + arm
    state.linearVelocity = state.angularVelocity.cross(arm)
    state.uncertainty.position = uncertainty
    state.flags.formUnion([.positionValid, .positionModelled])
  }
}

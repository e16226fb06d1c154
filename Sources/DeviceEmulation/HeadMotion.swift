import Glibc
import Spatial

/// A motion whose pose, rates and accelerations are known exactly at any time: sums of sines in yaw, pitch,
/// roll and position, faded in from rest.
public struct HeadMotion: Sendable {
  struct Wave: Sendable {
    var amplitude: Double
    /// rad/s.
    var frequency: Double
    var phase: Double
  }

  /// rad.
  var yaw: [Wave]
  var pitch: [Wave]
  var roll: [Wave]
  /// Metres along x, y, z.
  var position: [[Wave]]
  public internal(set) var center: Vector3
  /// Seconds at rest before the motion, and seconds of fading in.
  var rest: Double
  var fade: Double

  /// Attitudes that are held one after the other instead of the waves, when there are any.
  var tour: [Quaternion] = []
  /// s.
  var tourHold = 0.0
  var tourTurn = 0.0

  /// A unit that is laid down on its sides, edges and corners, as `vrbridge calibrate` asks for.
  ///
  /// - Parameters:
  ///   - hold: seconds at rest in each attitude.
  ///   - turn: seconds from one to the next.
  public static func calibrationTour(hold: Double = 2.5, turn: Double = 1.2) -> HeadMotion {
    // Sides, then corners; with each another turn about the vertical, so that the gyroscope turns about all axes.
    let ups: [Vector3] = [
      Vector3(0, 1, 0), Vector3(1, 0, 0), Vector3(0, 0, 1), Vector3(0, -1, 0), Vector3(-1, 0, 0),
      Vector3(0, 0, -1), Vector3(1, 1, 1), Vector3(-1, 1, 1), Vector3(-1, -1, 1), Vector3(1, -1, -1),
      Vector3(1, 1, -1), Vector3(-1, 1, -1), Vector3(-1, -1, -1), Vector3(1, -1, 1), Vector3(1, 0, 1),
      Vector3(0, 1, -1), Vector3(-1, 1, 0), Vector3(0, -1, 1),
    ]
    let attitudes = ups.enumerated().map { index, up in
      let level = Quaternion(from: up, to: Vector3(0, 1, 0))
      return Quaternion(angle: 1.9 * Double(index), axis: Vector3(0, 1, 0)) * level
    }
    return tour(attitudes, hold: hold, turn: turn)
  }

  /// Attitudes one after the other.
  ///
  /// - Parameters:
  ///   - hold: seconds at rest in each.
  ///   - turn: seconds from one to the next.
  public static func tour(_ attitudes: [Quaternion], hold: Double, turn: Double) -> HeadMotion {
    var motion = still()
    motion.tour = attitudes
    motion.tourHold = hold
    motion.tourTurn = turn
    return motion
  }

  /// Shortens a tour to its first attitudes.
  public mutating func keepTour(_ count: Int) { tour = Array(tour.prefix(count)) }

  /// Seconds that a tour takes.
  public var tourSeconds: Double { Double(tour.count) * (tourHold + tourTurn) }

  private func tourState(at time: Double) -> State {
    let leg = tourHold + tourTurn
    let index = min(max(0, Int(time / leg)), tour.count - 1)
    let next = min(index + 1, tour.count - 1)
    let vector = (tour[index].conjugate * tour[next]).rotationVector
    let part = min(1, max(0, (time - Double(index) * leg - tourHold) / tourTurn))
    // Starts and ends at rest: a raised cosine.
    let angle = 0.5 - 0.5 * cos(.pi * part)
    let speed = part > 0 && part < 1 ? 0.5 * .pi * sin(.pi * part) / tourTurn : 0
    let orientation = (tour[index] * Quaternion(rotationVector: vector * angle)).normalized
    return State(
      worldFromDevice: Pose(position: center, orientation: orientation), angularVelocity: vector * speed,
      linearVelocity: .zero, specificForce: orientation.conjugate.rotate(Vector3(0, standardGravity, 0)))
  }

  /// The truth at one time.
  public struct State: Sendable {
    public var worldFromDevice: Pose
    /// rad/s in the device's axes.
    public var angularVelocity: Vector3
    /// m/s in the world's axes.
    public var linearVelocity: Vector3
    /// m/s² in the device's axes: what an ideal accelerometer at the origin reads.
    public var specificForce: Vector3
  }

  public static func still(at center: Vector3 = Vector3(0, 1.6, 0), attitude: Vector3 = .zero) -> HeadMotion {
    HeadMotion(
      yaw: [Wave(amplitude: attitude.y, frequency: 0, phase: .pi / 2)],
      pitch: [Wave(amplitude: attitude.x, frequency: 0, phase: .pi / 2)],
      roll: [Wave(amplitude: attitude.z, frequency: 0, phase: .pi / 2)],
      position: [[], [], []], center: center, rest: -10, fade: 1)
  }

  /// A person who looks around: peaks near 150 °/s, as in the HoloLens traces of pred6dof (median 28, 99 % below
  /// 196 °/s).
  public static func lookingAround(seed: UInt64 = 1) -> HeadMotion {
    make(
      seed: seed, yaw: (0.9, 0.55), pitch: (0.35, 0.8), roll: (0.12, 0.6), reach: Vector3(0.12, 0.06, 0.10),
      speed: 1.3, center: Vector3(0, 1.6, 0))
  }

  /// A hand that gestures.
  public static func gesturing(seed: UInt64 = 2, right: Bool = true) -> HeadMotion {
    make(
      seed: seed, yaw: (0.6, 1.1), pitch: (0.7, 1.4), roll: (0.6, 1.2), reach: Vector3(0.15, 0.2, 0.15),
      speed: 2.5, center: Vector3(right ? 0.25 : -0.25, 1.1, -0.35))
  }

  private static func make(
    seed: UInt64, yaw: (Double, Double), pitch: (Double, Double), roll: (Double, Double), reach: Vector3,
    speed: Double, center: Vector3
  ) -> HeadMotion {
    var random = SeededRandom(seed: seed)
    func waves(_ amplitude: Double, _ frequency: Double) -> [Wave] {
      (0..<3).map { index in
        Wave(
          amplitude: amplitude * [0.6, 0.3, 0.1][index],
          frequency: frequency * [1, 1.9, 4.3][index] * (0.9 + 0.2 * random.uniform()),
          phase: 2 * .pi * random.uniform())
      }
    }
    return HeadMotion(
      yaw: waves(yaw.0, yaw.1), pitch: waves(pitch.0, pitch.1), roll: waves(roll.0, roll.1),
      position: [waves(reach.x, speed), waves(reach.y, speed), waves(reach.z, speed)],
      center: center, rest: 2, fade: 1.5)
  }

  /// - Parameter time: seconds since the motion began.
  public func state(at time: Double) -> State {
    if !tour.isEmpty { return tourState(at: time) }
    let envelope = envelope(time)
    func evaluate(_ waves: [Wave]) -> (value: Double, rate: Double, acceleration: Double) {
      var sum = (0.0, 0.0, 0.0)
      for wave in waves {
        let angle = wave.frequency * time + wave.phase
        sum.0 += wave.amplitude * sin(angle)
        sum.1 += wave.amplitude * wave.frequency * cos(angle)
        sum.2 -= wave.amplitude * wave.frequency * wave.frequency * sin(angle)
      }
      // Product rule with the fade.
      return (
        envelope.0 * sum.0,
        envelope.1 * sum.0 + envelope.0 * sum.1,
        envelope.2 * sum.0 + 2 * envelope.1 * sum.1 + envelope.0 * sum.2
      )
    }
    let yaw = evaluate(self.yaw)
    let pitch = evaluate(self.pitch)
    let roll = evaluate(self.roll)
    let turnYaw = Quaternion(angle: yaw.value, axis: Vector3(0, 1, 0))
    let turnPitch = Quaternion(angle: pitch.value, axis: Vector3(1, 0, 0))
    let turnRoll = Quaternion(angle: roll.value, axis: Vector3(0, 0, 1))
    let orientation = (turnYaw * turnPitch * turnRoll).normalized
    // Rates of a yaw-pitch-roll chain, seen from the last frame.
    let afterPitch = turnPitch.conjugate.rotate(Vector3(0, yaw.rate, 0)) + Vector3(pitch.rate, 0, 0)
    let rates = turnRoll.conjugate.rotate(afterPitch) + Vector3(0, 0, roll.rate)
    let x = evaluate(position[0])
    let y = evaluate(position[1])
    let z = evaluate(position[2])
    let force = Vector3(x.acceleration, y.acceleration + standardGravity, z.acceleration)
    return State(
      worldFromDevice: Pose(
        position: center + Vector3(x.value, y.value, z.value), orientation: orientation),
      angularVelocity: rates,
      linearVelocity: Vector3(x.rate, y.rate, z.rate),
      specificForce: orientation.conjugate.rotate(force))
  }

  /// A smooth step with two continuous derivatives.
  private func envelope(_ time: Double) -> (Double, Double, Double) {
    let u = (time - rest) / fade
    if u <= 0 { return (0, 0, 0) }
    if u >= 1 { return (1, 0, 0) }
    return (
      u * u * u * (10 + u * (-15 + 6 * u)),
      30 * u * u * (1 + u * (-2 + u)) / fade,
      60 * u * (1 + u * (-3 + 2 * u)) / (fade * fade)
    )
  }
}

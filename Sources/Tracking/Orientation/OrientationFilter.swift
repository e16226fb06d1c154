import Glibc
import Sensing
import Spatial

/// Attitude from gyroscope, accelerometer and, where it can be had, magnetometer.
///
/// The gyroscope is integrated at each sample. What is wrong with it is estimated six times a second by an
/// error-state Kalman filter over attitude, bias, velocity, position and the gyroscope's response (scale and
/// misalignment). Gravity corrects tilt by way of motion that is bounded: nobody accelerates one way for long, so
/// a tilt that is wrong shows as a velocity that grows. docs/tracking.md has the equations.
public struct OrientationFilter: Sendable {
  public typealias Settings = OrientationSettings

  /// Steps longer than this are gaps: nothing is known of the motion in between.
  static let maximumStep = 0.25
  /// rad/s and m/s²: beyond what any inertial unit measures; such samples are taken for broken.
  static let largestRate = 200.0
  static let largestForce = 2000.0
  /// rad: what the field at one place says of north.
  static let startingHeading = 0.4
  /// rad: what an accelerometer's own bias of 0.05 m/s² leaves of tilt.
  static let inclinationFloor = 0.005

  /// World (Y up, heading as at the start or, with magnetometer, −Z north) from device.
  public private(set) var worldFromDevice = Quaternion.identity
  /// rad/s, device axes: what is subtracted from the gyroscope.
  public internal(set) var bias = Vector3.zero
  /// Relative error of the gyroscope's response: rad/s of error per rad/s of rate, device axes.
  public var responseError: Matrix3 { response.transposed }
  public private(set) var isAtRest = false
  /// Somebody wears the device: what looks like a rest may be a slow turn of theirs.
  public var isWorn = false
  /// The magnetometer is on and agrees with the field that was learned.
  public private(set) var isHeadingReferenced = false

  /// rad, world axes: all that tilt was corrected by so far. The gyroscope alone would have drifted as much.
  public private(set) var tiltCorrection = Vector3.zero
  /// rad: all that heading was corrected by so far, from the magnetometer.
  public private(set) var headingCorrection = 0.0
  /// rad/s/√Hz: white noise of the gyroscope as seen at rest; NaN before the first rest.
  public private(set) var measuredNoise = Double.nan

  let settings: Settings
  var errors: BlockCovariance
  /// m/s and m, world axes: the part of the motion that tilt would explain.
  var velocity = Vector3.zero
  var position = Vector3.zero
  /// Columns of the response error as rows.
  var response = Matrix3.zero

  private var hasStarted = false
  private var hasEverRested = false
  private var runTime = 0.0
  private var period = 0.0
  private var lastRate = Vector3.zero
  private var lastForce = Vector3.zero
  var interval = Interval()

  private var meanRate = Vector3.zero
  private var meanForce = Vector3.zero
  /// Seconds and turn of a rest that were not made use of yet.
  private var restTime = 0.0
  private var restAngle = Vector3.zero
  /// m/s²: level of acceleration lately.
  private var motion = 0.0
  private var field = FieldReference()
  /// What the offline smoother needs of each correction; nil on line.
  var trace: SmootherTrace?

  /// Places in the error state.
  enum Block {
    static let attitude = 0
    static let bias = 1
    static let velocity = 2
    static let position = 3
    static let response = 4
  }

  /// Sums over the samples since the last correction.
  struct Interval: Sendable {
    var time = 0.0
    /// m/s, world axes: integral of specific force.
    var push = Vector3.zero
    /// Time during which the accelerometer was believed.
    var pushTime = 0.0
    /// Integrals of rotation, and of rotation times each component of the rate.
    var rotation = Matrix3.zero
    var rotationRateX = Matrix3.zero
    var rotationRateY = Matrix3.zero
    var rotationRateZ = Matrix3.zero
    /// rad, device axes, not corrected.
    var angle = Vector3.zero
    var squaredAngle = 0.0
    /// Integral of squared acceleration.
    var squaredAcceleration = 0.0
    var field = Vector3.zero
    var fieldTime = 0.0
    /// rad², of saturated samples: the angle that they may hide.
    var hidden = 0.0
  }

  public init(settings: Settings = Settings()) {
    self.settings = settings
    errors = BlockCovariance(deviations: [
      0.15, settings.biasSpread, 0.5, 0.2, settings.responseSpread, settings.responseSpread,
      settings.responseSpread,
    ])
  }

  /// Everything but the settings.
  mutating func archive(_ archive: StateArchive) {
    archive.code(&worldFromDevice)
    archive.code(&bias)
    archive.code(&isAtRest)
    archive.code(&isHeadingReferenced)
    archive.code(&tiltCorrection)
    archive.code(&headingCorrection)
    archive.code(&measuredNoise)
    errors.archive(archive)
    archive.code(&velocity)
    archive.code(&position)
    archive.code(&response)
    archive.code(&hasStarted)
    archive.code(&hasEverRested)
    archive.code(&runTime)
    archive.code(&period)
    archive.code(&lastRate)
    archive.code(&lastForce)
    archive.code(&interval.time)
    archive.code(&interval.push)
    archive.code(&interval.pushTime)
    archive.code(&interval.rotation)
    archive.code(&interval.rotationRateX)
    archive.code(&interval.rotationRateY)
    archive.code(&interval.rotationRateZ)
    archive.code(&interval.angle)
    archive.code(&interval.squaredAngle)
    archive.code(&interval.squaredAcceleration)
    archive.code(&interval.field)
    archive.code(&interval.fieldTime)
    archive.code(&interval.hidden)
    archive.code(&meanRate)
    archive.code(&meanForce)
    archive.code(&restTime)
    archive.code(&restAngle)
    archive.code(&motion)
    field.archive(archive)
  }

  /// What a device learned, to be kept while it is away.
  public struct Learned: Sendable, Hashable {
    /// rad/s, device axes.
    public var bias: Vector3
    /// rad/s, one standard deviation.
    public var biasUncertainty: Double
    public var responseError: Matrix3

    public init(bias: Vector3, biasUncertainty: Double, responseError: Matrix3 = .zero) {
      self.bias = bias
      self.biasUncertainty = biasUncertainty
      self.responseError = responseError
    }
  }

  /// Starts with what was learned before, as when a device comes back.
  public init(settings: Settings = Settings(), learned: Learned) {
    self.init(settings: settings)
    bias = learned.bias
    response = learned.responseError.transposed
    // Switched off and on again, a bias has moved a little.
    errors.restart(Block.bias, deviation: min(learned.biasUncertainty + 1e-3, settings.biasSpread))
    hasEverRested = learned.biasUncertainty < settings.biasSpread / 2
  }

  /// Begins again with what was learned, as after a device's own restart. Takes no memory.
  public mutating func restart() {
    let learned = learned
    var errors = errors
    // The storage of the covariance is used on: only its numbers begin again.
    self.errors = BlockCovariance.empty
    let deviations: InlineArray<7, Double> = [
      0.15, min(learned.biasUncertainty + 1e-3, settings.biasSpread), 0.5, 0.2, settings.responseSpread,
      settings.responseSpread, settings.responseSpread,
    ]
    for block in 0..<7 { errors.restart(block, deviation: deviations[block]) }
    let trace = trace
    self = OrientationFilter(settings: settings, errors: errors)
    self.trace = trace
    bias = learned.bias
    response = learned.responseError.transposed
    hasEverRested = learned.biasUncertainty < settings.biasSpread / 2
  }

  private init(settings: Settings, errors: BlockCovariance) {
    self.settings = settings
    self.errors = errors
  }

  public var learned: Learned {
    Learned(bias: bias, biasUncertainty: biasUncertainty, responseError: responseError)
  }

  /// One standard deviation of the bias, rad/s.
  public var biasUncertainty: Double { (errors[Block.bias, Block.bias].trace / 3).squareRoot() }

  /// One standard deviation of tilt, rad.
  public var inclinationUncertainty: Double {
    let attitude = errors[Block.attitude, Block.attitude]
    let variance = attitude.row0.x + attitude.row2.z + Self.inclinationFloor * Self.inclinationFloor
    return min(variance.squareRoot(), .pi)
  }

  /// One standard deviation of heading, rad: against the start or, with magnetometer, against magnetic north.
  public var headingUncertainty: Double {
    min(errors[Block.attitude, Block.attitude].row1.y.squareRoot(), .pi)
  }

  /// The rate without what the filter holds for its error, rad/s, device axes.
  @inline(__always)
  public func corrected(_ rate: Vector3) -> Vector3 {
    let unbiased = rate - bias
    return unbiased - (response.row0 * unbiased.x + response.row1 * unbiased.y + response.row2 * unbiased.z)
  }

  /// - Parameters:
  ///   - rate: rad/s, device axes, calibrated: the mean since the last sample.
  ///   - force: m/s², device axes, calibrated; nil when the sample can't be believed (saturated).
  ///   - field: µT, device axes, calibrated; nil without magnetometer.
  ///   - step: seconds since the last sample; at most zero for a sample that came again, which is ignored.
  public mutating func update(rate: Vector3, force: Vector3?, field: Vector3? = nil, step: Double) {
    guard step > 0, rate.squaredLength < Self.largestRate * Self.largestRate else { return }
    let force = force.flatMap { $0.squaredLength < Self.largestForce * Self.largestForce ? $0 : nil }
    if !hasStarted {
      guard let force else { return }
      hasStarted = true
      worldFromDevice = Quaternion(from: force, to: Vector3(0, 1, 0))
      period = min(step, Self.maximumStep)
      lastRate = rate
      lastForce = worldFromDevice.rotate(force)
      meanForce = lastForce
      meanRate = rate
    }
    var step = step
    if step > Self.maximumStep {
      bridge(gap: step)
      step = period
      lastRate = rate
    }
    // A sample is the mean over its period. Of samples that are missing before it the best guess is the straight
    // line between their neighbours.
    let share = 0.5 / max(1, step / period)
    let mean = (lastRate + rate) * 0.5 + (rate - lastRate) * share
    lastRate = rate
    period += (min(step, 2 * period) - period) * 0.02

    let turn = corrected(mean)
    worldFromDevice = (worldFromDevice * Quaternion(rotationVector: turn * step)).renormalized
    let rotation = worldFromDevice.matrix

    interval.time += step
    if let force {
      let now = rotation * force
      let push = (lastForce + now) * 0.5 + (now - lastForce) * share
      lastForce = now
      interval.push += push * step
      interval.pushTime += step
      interval.squaredAcceleration += (push - Vector3(0, standardGravity, 0)).squaredLength * step
    } else {
      // Saturated: the reading is the least that the rate can be.
      interval.hidden += turn.squaredLength * step * step * 0.25
    }
    interval.rotation += rotation * step
    let unbiased = (mean - bias) * step
    interval.rotationRateX += rotation * unbiased.x
    interval.rotationRateY += rotation * unbiased.y
    interval.rotationRateZ += rotation * unbiased.z
    interval.angle += rate * step
    interval.squaredAngle += rate.squaredLength * step
    if let field, field.squaredLength < 1e8 {
      interval.field += rotation * field * step
      interval.fieldTime += step
    }
    // The first two seconds settle faster.
    if interval.time >= (runTime < 2 ? 0.3 : 1) * settings.correctionInterval { correct() }
  }

  /// A second of unknown motion can be any turn; gravity settles the tilt again.
  private mutating func bridge(gap: Double) {
    trace?.interrupted()
    let spread = min(gap, 1)
    errors.restart(Block.velocity, deviation: 0.5)
    errors.restart(Block.position, deviation: 0.2)
    errors.restart(Block.attitude, deviation: 0)
    errors[Block.attitude, Block.attitude] = .diagonal(Vector3(0.3, 0.5, 0.3) * spread)
    errors.add(variance: settings.biasWalk * settings.biasWalk * gap, to: Block.bias)
    velocity = .zero
    position = .zero
    restTime = 0
    restAngle = .zero
    isAtRest = false
    interval = Interval()
  }

  mutating func correct() {
    let time = interval.time
    runTime += time
    detectRest()
    propagate()
    trace?.pending = worldFromDevice

    let isotropic = Matrix3.diagonal(Vector3(1, 1, 1))
    if isAtRest {
      apply(
        errors.observe(
          Block.velocity, residual: -velocity,
          noise: isotropic * (settings.restVelocity * settings.restVelocity)))
      // The mean over an interval of white noise of twice the gyroscope's.
      var noise = 4 * settings.gyroscopeNoise * settings.gyroscopeNoise / restTime
      if isWorn {
        noise += settings.wornRate * settings.wornRate * max(1, 2 * settings.wornCorrelation / restTime)
      }
      apply(errors.observe(Block.bias, residual: restAngle / restTime - bias, noise: isotropic * noise))
      // What was seen counts once; the first time it is all since the rest began.
      restAngle = .zero
      restTime = 0
    } else {
      let speed = settings.velocityFloor + settings.velocityPerAcceleration * motion
      // Errors that hang together over a time count once in that time, not at each correction.
      let repeats = max(1, 2 * settings.motionCorrelation / time)
      apply(errors.observe(Block.velocity, residual: -velocity, noise: isotropic * (speed * speed * repeats)))
      let place = settings.positionSpread * settings.positionSpread * 2 * repeats
      apply(errors.observe(Block.position, residual: -position, noise: isotropic * place))
    }
    if interval.fieldTime > 0 { observeField(interval.field / interval.fieldTime, time) }
    interval = Interval()
    if !errors.isFinite || !velocity.isFinite || !bias.isFinite || !position.isFinite || !response.isFinite {
      // Only numbers beyond all physics come here. The attitude is kept.
      let attitude = worldFromDevice
      self = OrientationFilter(settings: settings)
      worldFromDevice = attitude.isFinite ? attitude.normalized : .identity
    }
  }

  private mutating func propagate() {
    let time = interval.time
    let lift = standardGravity * interval.pushTime
    let acceleration = interval.push - Vector3(0, lift, 0)
    position += (velocity + acceleration * 0.5) * time
    velocity += acceleration
    let level = (interval.squaredAcceleration / time).squareRoot()
    motion += (level - motion) * (1 - exp(-time / settings.motionMemory))

    trace?.willPropagate(errors)
    errors.propagate(
      rotation: [
        interval.rotation, interval.rotationRateX, interval.rotationRateY, interval.rotationRateZ,
      ], lift: lift, time: time)
    let squaredTurn = (interval.squaredAngle / time) * time
    errors.add(
      variance: settings.gyroscopeNoise * settings.gyroscopeNoise * time
        + settings.rotationNoise * settings.rotationNoise * squaredTurn + interval.hidden,
      to: Block.attitude)
    let walk = isAtRest ? settings.restBiasWalk : settings.biasWalk
    errors.add(variance: walk * walk * time, to: Block.bias)
    let blind = time - interval.pushTime
    errors.add(
      variance: settings.accelerometerNoise * settings.accelerometerNoise * time + 100 * blind * blind,
      to: Block.velocity)
    if isAtRest {
      // A device at rest stays where it is, and where that is counts as its place.
      position = .zero
      errors.restart(Block.position, deviation: 0.01)
    }
    trace?.didPropagate(errors, interval, lift: lift, isAtRest: isAtRest)
  }

  private mutating func apply(_ correction: BlockCovariance.Correction?) {
    guard let correction else { return }
    trace?.corrected(by: correction)
    worldFromDevice =
      (Quaternion(rotationVector: correction[Block.attitude]) * worldFromDevice).normalized
    bias += correction[Block.bias]
    tiltCorrection += correction[Block.attitude] * Vector3(1, 0, 1)
    velocity += correction[Block.velocity]
    position += correction[Block.position]
    response += Matrix3(
      correction[Block.response], correction[Block.response + 1], correction[Block.response + 2])
  }

  private mutating func detectRest() {
    let time = interval.time
    let rate = interval.angle / time
    let force = interval.pushTime > 0 ? interval.push / interval.pushTime : meanForce
    let spread = interval.squaredAngle / time - rate.squaredLength
    // A bias that is far from what is known must hold much stiller than one that is expected.
    let expected = settings.restRate + 3 * biasUncertainty
    let isExpected = (meanRate - bias).squaredLength < expected * expected
    let share = isExpected ? 1 : 0.25
    let limit = settings.restRate * share
    let forceLimit = settings.restForce * share
    let isQuiet =
      (rate - meanRate).squaredLength < limit * limit
      && spread < 4 * settings.restRate * settings.restRate
      && (force - meanForce).squaredLength < forceLimit * forceLimit
      && (isExpected
        || (!hasEverRested && meanRate.squaredLength < settings.largestBias * settings.largestBias))
    let gain = time / (0.5 + time)
    meanRate += (rate - meanRate) * gain
    meanForce += (force - meanForce) * gain
    restTime = isQuiet ? restTime + time : 0
    restAngle = isQuiet ? restAngle + interval.angle : .zero
    isAtRest = isQuiet && (isAtRest || restTime >= settings.restDuration)
    if isAtRest {
      // White noise of density d sampled at f has variance d²·f/2; the interval's mean took one sample's worth.
      let count = max(2, time / period)
      let noise = (max(0, spread) / 3 * count / (count - 1) * 2 * period).squareRoot()
      measuredNoise = measuredNoise.isNaN ? noise : measuredNoise + (noise - measuredNoise) * 0.05
    }
    if isAtRest, !hasEverRested {
      hasEverRested = true
      // Until now the heading has run with an unknown bias. Without a reference any heading is as good as another,
      // so that is let be instead of turned back at one stroke.
      if !isHeadingReferenced { errors[Block.attitude, Block.bias].row1 = .zero }
      if !isExpected {
        errors.add(variance: settings.largestBias * settings.largestBias, to: Block.bias)
        field = FieldReference()
      }
    }
  }

  private mutating func observeField(_ measured: Vector3, _ time: Double) {
    guard let mean = field.align(with: measured, time: time, spread: settings.fieldSpread) else {
      return observeHeading(measured, time)
    }
    // The direction of the horizontal field becomes −Z.
    let heading = Quaternion(angle: atan2(mean.x, -mean.z), axis: Vector3(0, 1, 0))
    field.turn(by: heading)
    worldFromDevice = (heading * worldFromDevice).normalized
    trace?.turned(by: heading)
    velocity = heading.rotate(velocity)
    position = heading.rotate(position)
    lastForce = heading.rotate(lastForce)
    meanForce = heading.rotate(meanForce)
    errors.turn((Block.attitude, Block.velocity, Block.position), by: heading.matrix)
    errors[Block.attitude, Block.attitude].row1.y = Self.startingHeading * Self.startingHeading
    isHeadingReferenced = true
  }

  private mutating func observeHeading(_ measured: Vector3, _ time: Double) {
    let horizontal = (measured.x * measured.x + measured.z * measured.z).squareRoot()
    guard horizontal > 0.05 * field.strength, horizontal > 1 else {
      isHeadingReferenced = false
      return
    }
    let squaredDistance = field.squaredDistance(measured, horizontal)
    let squaredSpread = field.expected(
      squaredDistance, time: time, memory: settings.deviationMemory, spread: settings.fieldSpread)
    // Squared: how many times further off than is tolerated, where a magnet is another thing than an uneven room.
    let excess =
      max(1, squaredDistance / (squaredSpread * settings.fieldTolerance * settings.fieldTolerance))
      * max(1, squaredDistance / field.squaredLimit)
    isHeadingReferenced = excess < 4 && squaredDistance < field.squaredLimit
    field.learn(measured, horizontal, time: time, memory: settings.fieldMemory, weight: 1 / excess)
    let variance =
      squaredSpread / (field.horizontal * field.horizontal) * max(1, 2 * settings.fieldCorrelation / time)
      * excess * excess
    // The field's east part, not the angle: what is added to the field from device or room then averages out.
    let east = measured.z < 0 ? measured.x : (measured.x < 0 ? -horizontal : horizontal)
    let correction = errors.observe(
      Block.attitude, component: 1, residual: east / field.horizontal, variance: variance,
      mask: [Vector3(0, 1, 0), Vector3(1, 1, 1), .zero, .zero, .zero, .zero, .zero, .zero])
    worldFromDevice =
      (Quaternion(rotationVector: correction[Block.attitude]) * worldFromDevice).normalized
    bias += correction[Block.bias]
    trace?.corrected(by: correction)
    headingCorrection += correction[Block.attitude].y
  }
}

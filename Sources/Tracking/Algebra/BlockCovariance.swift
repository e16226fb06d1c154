import Sensing
import Spatial

/// The covariance of an error state made of three-vectors: symmetric, in blocks of 3×3.
///
/// Only blocks on and above the diagonal are kept. Memory is taken when it is made and never again, so that a
/// filter on the tracking thread does not allocate. (An `InlineArray` would need none, but Swift 6.3 copies the
/// whole of it at each access to a stored property: measured, twice the cost of the arithmetic.)
struct BlockCovariance: Sendable {
  let order: Int
  private var blocks: ContiguousArray<Matrix3>

  /// Independent three-vectors, each with one standard deviation for its components.
  init(deviations: [Double]) {
    order = deviations.count
    // Two rows of blocks more, to compute in.
    blocks = ContiguousArray(repeating: .zero, count: order * (order + 1) / 2 + 2 * order)
    for i in 0..<order { self[i, i] = .diagonal(Vector3(repeating: deviations[i] * deviations[i])) }
  }

  /// None at all; takes no memory.
  static var empty: BlockCovariance { BlockCovariance(deviations: []) }

  /// The blocks for as long as a computation lasts.
  struct View {
    let order: Int
    let blocks: UnsafeMutableBufferPointer<Matrix3>

    @inline(__always)
    func index(_ i: Int, _ j: Int) -> Int { i * (2 * order - i - 1) / 2 + j }

    /// A place to compute in.
    @inline(__always)
    func scratch(_ i: Int) -> Int { blocks.count - order + i }

    /// Setting a block below the diagonal sets its mirror image.
    @inline(__always)
    subscript(i: Int, j: Int) -> Matrix3 {
      get { i <= j ? blocks[index(i, j)] : blocks[index(j, i)].transposed }
      nonmutating set {
        if i <= j { blocks[index(i, j)] = newValue } else { blocks[index(j, i)] = newValue.transposed }
      }
    }
  }

  @inline(__always)
  mutating func edit<Result>(_ body: (View) -> Result) -> Result {
    let order = order
    return blocks.withUnsafeMutableBufferPointer { body(View(order: order, blocks: $0)) }
  }

  /// Takes another's numbers, of the same order, into its own memory.
  mutating func copy(_ other: BlockCovariance) {
    for index in blocks.indices { blocks[index] = other.blocks[index] }
  }

  mutating func archive(_ archive: StateArchive) { archive.code(&blocks) { archive.code(&$0) } }

  @inline(__always)
  subscript(i: Int, j: Int) -> Matrix3 {
    get {
      let (row, column) = (min(i, j), max(i, j))
      let block = blocks[row * (2 * order - row - 1) / 2 + column]
      return i <= j ? block : block.transposed
    }
    set { edit { $0[i, j] = newValue } }
  }

  @inline(__always)
  mutating func add(variance: Double, to i: Int) {
    edit { $0[i, i] += Matrix3.diagonal(Vector3(repeating: variance)) }
  }

  /// Forgets how block `i` goes with the others, and gives it a new deviation.
  mutating func restart(_ i: Int, deviation: Double) {
    for j in 0..<order { self[i, j] = .zero }
    self[i, i] = .diagonal(Vector3(repeating: deviation * deviation))
  }

  /// Forgets how one component of block `i` goes with all others, and gives it a new variance.
  ///
  /// To forget some of the pairs only would leave numbers that are no covariance: the gains of later observations would
  /// then be arbitrary.
  mutating func isolate(_ i: Int, component: Int, variance: Double) {
    let others = Vector3(component == 0 ? 0 : 1, component == 1 ? 0 : 1, component == 2 ? 0 : 1)
    for j in 0..<order where j != i {
      let block = self[i, j]
      self[i, j] = Matrix3(block.row0 * others.x, block.row1 * others.y, block.row2 * others.z)
    }
    let block = self[i, i]
    self[i, i] =
      Matrix3(
        block.row0 * others * others.x, block.row1 * others * others.y, block.row2 * others * others.z)
      + .diagonal((Vector3(1, 1, 1) - others) * variance)
  }

  /// What an observation adds to each block of the state. Room for eight blocks.
  typealias Correction = InlineArray<8, Vector3>

  /// Kalman update for a direct observation of block `k`, or of block `k` plus `lever` times another.
  ///
  /// - Parameters:
  ///   - residual: observed minus expected.
  ///   - noise: covariance of the observation.
  ///   - gate: squared Mahalanobis distance beyond which the observation is not believed.
  ///   - trusted: squared distance from which on `noise` grows with the distance, which is what a distribution with
  ///     heavier tails than the normal asks for (Huber, 1964).
  /// - Returns: what to add to each block; nil when nothing can be concluded (a singular innovation, or one beyond
  ///   the gate).
  @inline(__always)
  mutating func observe(
    _ k: Int, lever: (block: Int, matrix: Matrix3)? = nil, residual: Vector3, noise: Matrix3,
    gate: Double = .infinity, trusted: Double = .infinity
  ) -> Correction? {
    edit { view in
      var innovation = view[k, k] + noise
      if let lever {
        let cross = lever.matrix * view[lever.block, k]
        innovation =
          innovation + cross + cross.transposed
          + lever.matrix * view[lever.block, lever.block] * lever.matrix.transposed
      }
      guard var weight = innovation.inverse else { return nil }
      let distance = residual.dot(weight * residual)
      guard distance <= gate else { return nil }
      if distance > trusted {
        guard let wider = (innovation + noise * (distance / trusted - 1)).inverse else { return nil }
        weight = wider
      }
      var correction = Correction(repeating: .zero)
      let weighted = weight * residual
      for i in 0..<view.order {
        var column = view[k, i]
        if let lever { column += lever.matrix * view[lever.block, i] }
        correction[i] = column.transposed(times: weighted)
        view.blocks[view.scratch(i)] = weight * column
        view.blocks[view.scratch(i) - view.order] = column
      }
      for i in 0..<view.order {
        let column = view.blocks[view.scratch(i) - view.order]
        for j in i..<view.order {
          view.blocks[view.index(i, j)] -= column.transposed(times: view.blocks[view.scratch(j)])
        }
        // Rounding errors on the diagonal feed on themselves unless both halves stay the same.
        let block = view[i, i]
        view[i, i] = (block + block.transposed) * 0.5
      }
      return correction
    }
  }

  /// Kalman update for one component of one block that moves only what `mask` lets through (zeros and ones by
  /// component): the rest is considered and stays (Schmidt, 1966).
  @inline(__always)
  mutating func observe(
    _ k: Int, component: Int, residual: Double, variance: Double, mask: InlineArray<8, Vector3>
  ) -> Correction {
    edit { view in
      var columns = InlineArray<8, Vector3>(repeating: .zero)
      for i in 0..<view.order {
        let block = view[k, i]
        columns[i] = component == 0 ? block.row0 : component == 1 ? block.row1 : block.row2
      }
      let scale = 1 / (columns[k][component] + variance)
      var correction = Correction(repeating: .zero)
      for i in 0..<view.order {
        let gain = columns[i] * scale
        let open = mask[i]
        correction[i] = gain * residual * open
        for j in i..<view.order {
          let other = mask[j]
          // A block moves where either of its two sides is open.
          if open == .zero, other == .zero { continue }
          let all = columns[j]
          let some = all * other
          view.blocks[view.index(i, j)] -= Matrix3(
            (open.x > 0 ? all : some) * gain.x, (open.y > 0 ? all : some) * gain.y,
            (open.z > 0 ? all : some) * gain.z)
        }
      }
      return correction
    }
  }

  /// Turns the frame that three of the blocks are expressed in.
  mutating func turn(_ turned: (Int, Int, Int), by rotation: Matrix3) {
    func isTurned(_ i: Int) -> Bool { i == turned.0 || i == turned.1 || i == turned.2 }
    for i in 0..<order {
      for j in i..<order {
        var block = self[i, j]
        if isTurned(i) { block = rotation * block }
        if isTurned(j) { block = block * rotation.transposed }
        self[i, j] = block
      }
    }
  }

  var isFinite: Bool {
    for i in 0..<order where !self[i, i].isFinite { return false }
    return true
  }
}

/// Solves symmetric positive definite systems by Cholesky factorisation. Small and dense: a linear algebra library
/// would be the package's largest dependency for forty lines.
enum Cholesky {
  /// Factors a matrix (by rows) in place, lower triangle.
  ///
  /// - Returns: false when it is not positive definite.
  static func factor(_ a: UnsafeMutableBufferPointer<Double>, size: Int) -> Bool {
    for i in 0..<size {
      for j in 0...i {
        var sum = a[i * size + j]
        for k in 0..<j { sum -= a[i * size + k] * a[j * size + k] }
        if i == j {
          guard sum > 0, sum.isFinite else { return false }
          a[i * size + i] = sum.squareRoot()
        } else {
          a[i * size + j] = sum / a[j * size + j]
        }
      }
    }
    return true
  }

  /// Solves in place with a factored matrix. The right side's numbers are `stride` apart.
  static func solve(
    _ factor: UnsafeMutableBufferPointer<Double>, size: Int, _ b: UnsafeMutableBufferPointer<Double>,
    offset: Int = 0, stride step: Int = 1
  ) {
    for i in 0..<size {
      var sum = b[offset + i * step]
      for k in 0..<i { sum -= factor[i * size + k] * b[offset + k * step] }
      b[offset + i * step] = sum / factor[i * size + i]
    }
    for i in stride(from: size - 1, through: 0, by: -1) {
      var sum = b[offset + i * step]
      for k in stride(from: i + 1, to: size, by: 1) { sum -= factor[k * size + i] * b[offset + k * step] }
      b[offset + i * step] = sum / factor[i * size + i]
    }
  }

  /// - Parameter right: as many columns as fit, by rows.
  /// - Returns: nil when the matrix is not positive definite.
  static func solve(_ matrix: [Double], _ right: [Double], size: Int) -> [Double]? {
    var matrix = matrix
    var result = right
    let columns = right.count / size
    let isSolved = matrix.withUnsafeMutableBufferPointer { a in
      guard factor(a, size: size) else { return false }
      result.withUnsafeMutableBufferPointer { b in
        for column in 0..<columns { solve(a, size: size, b, offset: column, stride: columns) }
      }
      return true
    }
    return isSolved ? result : nil
  }
}

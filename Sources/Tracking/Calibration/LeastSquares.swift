/// Nonlinear least squares for a handful of unknowns (Levenberg, 1944; Marquardt, 1963).
enum LeastSquares {
  struct Solution {
    var unknowns: [Double]
    /// Root mean square of the residuals.
    var residual: Double
  }

  /// - Parameters:
  ///   - steps: for each unknown the step of its numeric derivative.
  ///   - residuals: as many numbers for any unknowns.
  /// - Returns: nil when the residuals do not determine the unknowns.
  static func solve(start: [Double], steps: [Double], residuals: ([Double]) -> [Double]) -> Solution? {
    var unknowns = start
    var current = residuals(unknowns)
    guard !current.isEmpty, current.allSatisfy(\.isFinite) else { return nil }
    var cost = sum(current)
    var damping = 1e-3
    let count = start.count
    for _ in 0..<60 {
      var columns: [[Double]] = []
      for index in 0..<count {
        var moved = unknowns
        moved[index] += steps[index]
        columns.append(zip(residuals(moved), current).map { ($0 - $1) / steps[index] })
      }
      var normal = [Double](repeating: 0, count: count * count)
      var right = [Double](repeating: 0, count: count)
      for row in 0..<count {
        right[row] = -dot(columns[row], current)
        for column in row..<count {
          let value = dot(columns[row], columns[column])
          normal[row * count + column] = value
          normal[column * count + row] = value
        }
      }
      var improved = false
      for _ in 0..<12 {
        var damped = normal
        for index in 0..<count { damped[index * count + index] *= 1 + damping }
        guard let change = Cholesky.solve(damped, right, size: count) else {
          damping = damping * 10 + 1e-9
          continue
        }
        let next = zip(unknowns, change).map { $0 + $1 }
        let values = residuals(next)
        let nextCost = sum(values)
        if nextCost.isFinite, nextCost < cost {
          let gain = (cost - nextCost) / cost
          (unknowns, current, cost) = (next, values, nextCost)
          damping = max(damping / 5, 1e-12)
          improved = gain > 1e-10
          break
        }
        damping *= 5
      }
      if !improved { break }
    }
    return Solution(unknowns: unknowns, residual: (cost / Double(current.count)).squareRoot())
  }

  private static func sum(_ values: [Double]) -> Double { values.reduce(0) { $0 + $1 * $1 } }
  private static func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
}

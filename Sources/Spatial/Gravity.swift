/// Standard gravity, m/s² (CGPM 1901).
@inlinable
public var standardGravity: Double { 9.80665 }

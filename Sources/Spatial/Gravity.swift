/// Standard gravity, m/s² (CGPM 1901).
public let standardGravity = 9.80665

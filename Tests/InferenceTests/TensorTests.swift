import Testing

@testable import Inference

struct TensorTests {
  @Test(arguments: ElementType.allCases)
  func numbersRoundTrip(_ type: ElementType) throws {
    let numbers: [Double] = type == .bool ? [0, 1, 1, 0] : [0, 1, 2, 100]
    let tensor = try #require(Tensor(type: type, shape: [2, 2], numbers: numbers))
    #expect(tensor.numbers == numbers && tensor.bytes.count == 4 * type.width)
  }

  @Test func numbersAreClampedToTheRange() throws {
    let wild: [Double] = [.nan, .infinity, -.infinity, 1e300]
    for type in ElementType.allCases {
      let tensor = try #require(Tensor(type: type, shape: [4], numbers: wild))
      #expect(tensor.count == 4)
    }
    #expect(try #require(Tensor(type: .int64, shape: [1], numbers: [9.3e18])).numbers == [Double(Int64.max)])
  }

  @Test func impossibleShapesAreRefused() {
    for shape in [[0], [-1], [2, 0], [Int.max, 2], [1 << 40]] {
      #expect(Tensor.size(.float32, shape) == nil)
      #expect(Tensor(type: .uint8, shape: shape, bytes: []) == nil)
    }
    #expect(Tensor(type: .uint8, shape: [3], bytes: [1, 2]) == nil)
  }

  /// All halves, against the arithmetic of IEEE 754.
  @Test func halvesAreExact() {
    for bits in UInt16.min...UInt16.max {
      let value = Tensor.float(half: bits)
      if value.isNaN { continue }
      #expect(Tensor.half(float: value) == bits)
    }
    #expect(Tensor.half(float: 65_519.9) == 0x7bff && Tensor.half(float: 65_520) == 0x7c00)
    // Ties go to even.
    #expect(Tensor.half(float: 2049) == 0x6800 && Tensor.half(float: 2051) == 0x6802)
  }
}

import Sandbox

/// Types and shapes of tensors in the body of a message, whose bytes are its parts.
///
/// Of each tensor: the index of its type (8 bits), its rank (8), and its dimensions (64 each), little-endian.
enum TensorTransfer {
  static let maximumRank = 16
  private static let types = ElementType.allCases

  static func header(_ tensors: [Tensor]) -> [UInt8] {
    var writer = SandboxWriter()
    for tensor in tensors {
      writer.put(UInt8(clamping: types.firstIndex(of: tensor.type) ?? 0))
      writer.put(UInt8(clamping: tensor.shape.count))
      for length in tensor.shape { writer.put(Int64(length)) }
    }
    return writer.bytes
  }

  /// Copies tensors out of memory that another process may be changing.
  ///
  /// - Returns: nil unless there is one part for each tensor, of exactly the length that type and shape need.
  static func tensors(_ body: [UInt8], _ parts: [UnsafeRawBufferPointer]) -> [Tensor]? {
    guard let views = views(body, parts) else { return nil }
    let tensors = views.compactMap(\.tensor)
    return tensors.count == views.count ? tensors : nil
  }

  /// The tensors where they are.
  ///
  /// - Returns: nil unless there is one part for each tensor, of exactly the length that type and shape need.
  static func views(_ body: [UInt8], _ parts: [UnsafeRawBufferPointer]) -> [TensorView]? {
    var reader = SandboxReader(body)
    var views: [TensorView] = []
    for part in parts {
      guard let number = reader.read(UInt8.self), Int(number) < types.count,
        let rank = reader.read(UInt8.self), rank <= maximumRank
      else { return nil }
      var shape: [Int] = []
      for _ in 0..<rank {
        guard let length = reader.read(Int64.self), length >= 0 else { return nil }
        shape.append(Int(length))
      }
      let type = types[Int(number)]
      guard part.count == (shape.contains(0) ? 0 : Tensor.size(type, shape)) else { return nil }
      views.append(TensorView(type: type, shape: shape, bytes: part))
    }
    return reader.isAtEnd ? views : nil
  }
}

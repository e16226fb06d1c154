public import Diagnostics
/// The report descriptor of an interface: which reports it has, how long they are, and where each usage is
/// (USB HID 1.11, section 6.2.2).
public struct HIDReportDescriptor: Sendable, Equatable {
  public enum Kind: UInt8, Sendable { case input, output, feature }

  public struct Field: Sendable, Equatable {
    public var kind: Kind
    /// 0 when reports are not numbered.
    public var reportID: UInt8
    /// From the start of the report, the id byte included.
    public var bitOffset: Int
    public var bitSize: Int
    public var count: Int
    /// Usage page << 16 | usage; 0 for padding.
    public var usage: UInt32
    public var isSigned: Bool
  }

  public let bytes: [UInt8]
  public private(set) var fields: [Field] = []
  /// Usage of each top-level application collection.
  public private(set) var applications: [UInt32] = []
  private var bits: [Key: Int] = [:]

  private struct Key: Hashable {
    var kind: Kind
    var id: UInt8
  }

  private static let maximumBits = 8 * 8192

  public init(_ bytes: [UInt8]) throws(HIDReportDescriptorError) {
    self.bytes = bytes
    try parse()
  }

  /// Ids of the reports of a kind; 0 stands for an unnumbered one.
  public func reportIDs(_ kind: Kind) -> Set<UInt8> { Set(bits.keys.filter { $0.kind == kind }.map(\.id)) }

  /// Bytes of a report, the id byte included when there is one; 0 when it is not declared.
  public func length(_ kind: Kind, _ id: UInt8) -> Int {
    guard let count = bits[Key(kind: kind, id: id)] else { return 0 }
    return (count + 7) / 8
  }

  func inputLength(_ id: UInt8) -> Int { length(.input, id) }

  private struct Globals {
    var usagePage: UInt32 = 0
    var logicalMinimum: Int32 = 0
    var reportSize = 0
    var reportCount = 0
    var reportID: UInt8 = 0
  }

  private mutating func parse() throws(HIDReportDescriptorError) {
    var globals = Globals()
    var stack: [Globals] = []
    var usages: [UInt32] = []
    var usageMinimum: UInt32?
    var usageMaximum: UInt32?
    var collections: [UInt32] = []
    var index = 0
    while index < bytes.count {
      let start = index
      let prefix = bytes[index]
      if prefix == 0xfe {  // long item: size byte, tag byte, data
        guard index + 1 < bytes.count, index + 3 + Int(bytes[index + 1]) <= bytes.count else {
          throw .truncatedItem(offset: start)
        }
        index += 3 + Int(bytes[index + 1])
        continue
      }
      let size = [0, 1, 2, 4][Int(prefix & 3)]
      guard index + 1 + size <= bytes.count else { throw .truncatedItem(offset: start) }
      var raw: UInt32 = 0
      for offset in 0..<size { raw |= UInt32(bytes[index + 1 + offset]) << UInt32(8 * offset) }
      index += 1 + size
      let signed: Int32 =
        switch size {
        case 1: Int32(Int8(truncatingIfNeeded: raw))
        case 2: Int32(Int16(truncatingIfNeeded: raw))
        default: Int32(bitPattern: raw)
        }
      func extended() -> UInt32 { size == 4 ? raw : globals.usagePage << 16 | raw & 0xffff }

      switch prefix & 0xfc {
      case 0x04: globals.usagePage = raw & 0xffff
      case 0x14: globals.logicalMinimum = signed
      case 0x74:
        guard raw <= 4096 else { throw .tooLarge(offset: start) }
        globals.reportSize = Int(raw)
      case 0x94:
        guard raw <= 65536 else { throw .tooLarge(offset: start) }
        globals.reportCount = Int(raw)
      case 0x84: globals.reportID = UInt8(truncatingIfNeeded: raw)
      case 0xa4:
        guard stack.count < 64 else { throw .tooLarge(offset: start) }
        stack.append(globals)
      case 0xb4:
        guard let last = stack.popLast() else { throw .unbalanced(offset: start) }
        globals = last
      case 0x08:
        if usages.count < 256 { usages.append(extended()) }
      case 0x18: usageMinimum = extended()
      case 0x28: usageMaximum = extended()
      case 0xa0:
        guard collections.count < 64 else { throw .tooLarge(offset: start) }
        if collections.isEmpty, raw & 0xff == 1, let usage = usages.last, applications.count < 64 {
          applications.append(usage)
        }
        collections.append(usages.last ?? 0)
        usages = []
        usageMinimum = nil
        usageMaximum = nil
      case 0xc0:
        guard collections.popLast() != nil else { throw .unbalanced(offset: start) }
      case 0x80, 0x90, 0xb0:
        let kind: Kind = prefix & 0xfc == 0x80 ? .input : prefix & 0xfc == 0x90 ? .output : .feature
        if let low = usageMinimum, let high = usageMaximum, high >= low, high - low < 256 {
          usages += Array(low...high)
        }
        // An array's usages are the values it can take; what it is stands at the collection around it.
        if raw & 2 == 0, collections.count > 1, let around = collections.last, around != 0 {
          usages = [around]
        }
        try append(kind, isConstant: raw & 1 != 0, isVariable: raw & 2 != 0, globals, usages, offset: start)
        usages = []
        usageMinimum = nil
        usageMaximum = nil
      default: break
      }
    }
  }

  private mutating func append(
    _ kind: Kind, isConstant: Bool, isVariable: Bool, _ globals: Globals, _ usages: [UInt32], offset: Int
  ) throws(HIDReportDescriptorError) {
    let key = Key(kind: kind, id: globals.reportID)
    let start = bits[key] ?? (globals.reportID == 0 ? 0 : 8)
    let total = globals.reportSize * globals.reportCount
    guard start + total <= Self.maximumBits, fields.count < 4096 else { throw .tooLarge(offset: offset) }
    bits[key] = start + total
    guard !isConstant || !usages.isEmpty, globals.reportSize > 0, globals.reportCount > 0 else { return }
    func add(_ usage: UInt32, at first: Int, count: Int) {
      fields.append(
        Field(
          kind: kind, reportID: globals.reportID, bitOffset: start + first * globals.reportSize,
          bitSize: globals.reportSize, count: count, usage: usage, isSigned: globals.logicalMinimum < 0))
    }
    // A variable main item gives each control its own usage, and the last usage to all that remain.
    if !isVariable || usages.count <= 1 {
      add(usages.first ?? 0, at: 0, count: globals.reportCount)
      return
    }
    for (index, usage) in usages.enumerated() where index < globals.reportCount {
      let isLast = index == usages.count - 1
      add(usage, at: index, count: isLast ? globals.reportCount - index : 1)
    }
  }
}

/// A report descriptor that is not understood; offsets are in bytes.
public enum HIDReportDescriptorError: CodedError, Equatable {
  case truncatedItem(offset: Int)
  case tooLarge(offset: Int)
  case unbalanced(offset: Int)

  public var code: String { "report-descriptor-invalid" }

  public var description: String {
    switch self {
    case .truncatedItem(let offset): "report descriptor: the item at byte \(offset) is cut off"
    case .tooLarge(let offset): "report descriptor: the item at byte \(offset) declares more than 8 KiB"
    case .unbalanced(let offset): "report descriptor: the pop or end at byte \(offset) has no beginning"
    }
  }
}

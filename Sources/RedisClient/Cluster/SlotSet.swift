/// A set of slots.
public struct SlotSet: Equatable, Sendable {
    private static let bitCount = UInt64.bitWidth

    private var words = [UInt64](repeating: 0, count: Slot.count / bitCount)

    /// No slots.
    public init() {}

    /// One slot.
    public init(_ slot: Slot) { insert(slot) }

    /// Whether there are none.
    public var isEmpty: Bool { words.allSatisfy { $0 == 0 } }

    /// How many there are.
    public var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

    /// Whether a slot is one of them.
    public func contains(_ slot: Slot) -> Bool {
        words[slot.number / Self.bitCount] & Self.bit(slot) != 0
    }

    /// Adds a slot.
    public mutating func insert(_ slot: Slot) {
        words[slot.number / Self.bitCount] |= Self.bit(slot)
    }

    private static func bit(_ slot: Slot) -> UInt64 { 1 << UInt64(slot.number % bitCount) }
}

extension SlotSet: Sequence {
    /// The slots in order.
    public func makeIterator() -> some IteratorProtocol<Slot> {
        (0..<Slot.count).lazy.compactMap { Slot($0) }.filter { contains($0) }.makeIterator()
    }
}

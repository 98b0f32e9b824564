import RedisClient

/// What tells whether an active record is still the one that was proven: its seal, as it is stored. No
/// two records have the same.
///
/// Two fields are read instead of twelve, and nothing has to be proven again. The seal is held in
/// place, without a reference.
public struct RecordStamp: Sendable {
    private typealias Words = InlineArray<8, UInt64>

    static let fields: [RecordField] = [.state, .mac]

    private let words: Words

    /// Takes the reply to ``RecordQuery/stamp``; `nil` where the record is not there or not
    /// active, or the reply is none.
    public init?(_ reply: RedisReply) {
        guard case .array(let elements) = reply, elements.count == Self.fields.count,
            case .bulk(let state) = elements[0], case .bulk(let mac) = elements[1],
            state.spells("active")
        else { return nil }
        self.init(mac)
    }

    fileprivate init?(_ mac: ArraySlice<UInt8>) {
        guard mac.count == MemoryLayout<Words>.size else { return nil }
        words = mac.withUnsafeBytes { $0.loadUnaligned(as: Words.self) }
    }
}

extension RecordStamp: Equatable {
    /// Compares in a time that does not depend on where the seals differ.
    public static func == (left: RecordStamp, right: RecordStamp) -> Bool {
        var difference: UInt64 = 0
        for index in left.words.indices { difference |= left.words[index] ^ right.words[index] }
        return difference == 0
    }
}

extension StoredRecord {
    /// By what the record is known again, where it is active and proven.
    public var stamp: RecordStamp? { self[.mac].flatMap { RecordStamp($0) } }
}

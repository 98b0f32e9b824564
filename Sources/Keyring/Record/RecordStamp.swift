import RedisClient

/// The stored seal of an active record, which shows whether the record has changed since it was
/// authenticated. No two records have the same seal.
///
/// Comparing it takes two fields instead of twelve, and no HMAC. It is stored inline, without a
/// reference.
public struct RecordStamp: Sendable {
    private typealias Words = InlineArray<8, UInt64>

    static let fields: [RecordField] = [.state, .mac]

    private let words: Words

    /// Parses the reply to ``RecordQuery/stamp``; `nil` if there is no active record, or the reply is
    /// not valid.
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
    /// The stamp of the record, if it has a seal.
    public var stamp: RecordStamp? { self[.mac].flatMap { RecordStamp($0) } }
}

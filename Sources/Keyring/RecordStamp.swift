import RedisClient

/// What tells whether an active record is still the one that was proven: no two records have the
/// same seal.
///
/// Two fields are read instead of twelve, and nothing has to be proven again.
public struct RecordStamp: Sendable {
    static let fields: [RecordField] = [.state, .mac]

    /// The seal, as it is stored.
    public let mac: ArraySlice<UInt8>

    /// Takes the reply to ``KeyCommands/readStamp(_:)``; `nil` where the record is not there or not
    /// active, or the reply is none.
    public init?(_ reply: RedisReply) {
        guard case .array(let elements) = reply, elements.count == Self.fields.count,
            case .bulk(let state) = elements[0], case .bulk(let mac) = elements[1],
            KeyRecord.State(stored: state) == .active
        else { return nil }
        self.mac = mac
    }

    init?(_ stored: StoredRecord) {
        guard let mac = stored[.mac] else { return nil }
        self.mac = mac
    }
}

extension StoredRecord {
    /// By what the record is known again, where it is active and proven.
    public var stamp: RecordStamp? { RecordStamp(self) }
}

import KeyFormat
import RedisClient

/// A record as it came from the store: texts that prove nothing yet.
public struct StoredRecord: Sendable {
    private let fields: [ArraySlice<UInt8>?]

    /// Takes the reply to ``KeyCommands/read(_:)``.
    public init(_ reply: RedisReply) throws(RecordFault) {
        if let error = reply.failure { throw .unreadable(error) }
        guard case .array(let elements) = reply, elements.count == RecordField.allCases.count
        else { throw .unexpectedReply }
        var fields: [ArraySlice<UInt8>?] = []
        fields.reserveCapacity(elements.count)
        for element in elements {
            switch element {
            case .bulk(let text): fields.append(text)
            case .null: fields.append(nil)
            default: throw .unexpectedReply
            }
        }
        self.fields = fields
    }

    /// Whether there is no record at all.
    public var isAbsent: Bool { fields.allSatisfy { $0 == nil } }

    /// The record, proven, where it has an active key.
    ///
    /// A record that is not active, or not there, is believed without proof: it lets nobody in.
    public func activeRecord(at locator: Locator, seal: RecordSeal) throws(RecordFault)
        -> KeyRecord?
    {
        guard !isAbsent, try state() == .active else { return nil }
        return try record(at: locator, seal: seal)
    }

    /// The place, from 0, of the pepper that sealed the record; `nil` where none of them did.
    public func pepper(_ seal: RecordSeal) -> Int? { seal.pepper(of: self) }

    /// The record's version, where the seal proves it.
    public func provenVersion(at locator: Locator, seal: RecordSeal) -> UInt64? {
        try? record(at: locator, seal: seal).version
    }

    /// The version that the record says of itself, proven or not; 0 where it says none.
    public var claimedVersion: UInt64 {
        let version = self[.version].flatMap { DecimalNumber.value(of: $0) } ?? 0
        return version < UInt64(Int64.max) - 1 ? version : 0
    }

    /// The name that the record says its organization has, proven or not.
    public var claimedName: String? {
        self[.organization].flatMap { Organization($0) }?.name
    }

    /// The owner that the record says of itself, proven or not.
    public var claimedOwner: Principal? { self[.owner].flatMap { Principal($0) } }

    /// Whether the record says of itself that it has an active key, proven or not.
    public var claimsKey: Bool { (try? state()) == .active }

    /// Whether the record says of itself that its organization was removed, proven or not.
    public var claimsRemoval: Bool { (try? state()) == .removed }

    /// What the record says of itself.
    func state() throws(RecordFault) -> KeyRecord.State {
        guard let text = self[.state], let state = KeyRecord.State(stored: text) else {
            throw .field(.state)
        }
        return state
    }

    /// The record, after all that was said of it has been proven.
    public func record(at locator: Locator, seal: RecordSeal) throws(RecordFault) -> KeyRecord {
        let record = try KeyRecord(self)
        guard record.organization.locator == locator else { throw .misplaced }
        guard seal.isIntact(self) else { throw .seal }
        return record
    }

    /// The text of a field, if it is there.
    subscript(field: RecordField) -> ArraySlice<UInt8>? { fields[field.rawValue] }

    /// A field that must be there and be of a kind.
    func required<Value>(
        _ field: RecordField,
        _ read: (ArraySlice<UInt8>) -> Value?
    ) throws(RecordFault) -> Value {
        guard let value = try optional(field, read) else { throw .field(field) }
        return value
    }

    /// A field that may be missing, but must be of a kind where it is there.
    func optional<Value>(
        _ field: RecordField,
        _ read: (ArraySlice<UInt8>) -> Value?
    ) throws(RecordFault) -> Value? {
        guard let text = self[field] else { return nil }
        guard let value = read(text) else { throw .field(field) }
        return value
    }
}

import KeyFormat
import RedisClient

/// A record as it was read from the store, not yet authenticated.
public struct StoredRecord: Sendable {
    private let fields: [ArraySlice<UInt8>?]

    /// Parses the reply to ``KeyCommands/read(_:)``.
    ///
    /// - Throws: The fault, if Redis did not send the fields of a record.
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

    /// Whether the store holds no record.
    public var isAbsent: Bool { fields.allSatisfy { $0 == nil } }

    /// The authenticated record, if it has an active key.
    ///
    /// The absence of an active key needs no proof: it cannot admit a request. But the absence of the
    /// whole record does not show that there is no key.
    ///
    /// - Throws: Why the record is not trusted.
    public func activeRecord(at locator: Locator, seal: RecordSeal) throws(RecordFault)
        -> KeyRecord?
    {
        if isAbsent { throw .absent }
        guard try state() == .active else { return nil }
        return try record(at: locator, seal: seal)
    }

    /// The version, if the record can be authenticated.
    public func authenticatedVersion(at locator: Locator, seal: RecordSeal) -> UInt64? {
        try? record(at: locator, seal: seal).version
    }

    /// The version without authentication; 0 if there is none.
    public var unauthenticatedVersion: UInt64 {
        let version = self[.version].flatMap { DecimalNumber.value(of: $0) } ?? 0
        return version < UInt64(Int64.max) - 1 ? version : 0
    }

    /// The name of the organization without authentication, if it is valid.
    public var unauthenticatedName: String? {
        self[.organization].flatMap { Organization($0) }?.name
    }

    /// The owner without authentication, if it is valid.
    public var unauthenticatedOwner: Principal? { self[.owner].flatMap { Principal($0) } }

    /// The state without authentication, if it is valid.
    public var unauthenticatedState: KeyRecord.State? { try? state() }

    /// The record without authentication, if all its fields are valid.
    public var unauthenticatedRecord: KeyRecord? { try? KeyRecord(self) }

    /// Whether the record has neither a key nor a seal, as a revocation without proof leaves it. It admits
    /// no request.
    public var isBare: Bool { !isAbsent && self[.verifier] == nil && self[.mac] == nil }

    func state() throws(RecordFault) -> KeyRecord.State {
        try required(.state) { KeyRecord.State(rawValue: String(decoding: $0, as: UTF8.self)) }
    }

    /// The authenticated record.
    ///
    /// - Throws: Why the record is not trusted.
    public func record(at locator: Locator, seal: RecordSeal) throws(RecordFault) -> KeyRecord {
        guard self[.mac] != nil else { throw .unsealed }
        let record = try KeyRecord(self)
        guard record.organization.locator == locator else { throw .misplaced }
        guard seal.pepperIndex(of: self) != nil else { throw .seal }
        return record
    }

    /// The value of a field, if it is stored.
    subscript(field: RecordField) -> ArraySlice<UInt8>? { fields[field.rawValue] }

    /// A mandatory field.
    func required<Value>(
        _ field: RecordField,
        _ parse: (ArraySlice<UInt8>) -> Value?
    ) throws(RecordFault) -> Value {
        guard let value = try optional(field, parse) else { throw .field(field) }
        return value
    }

    /// An optional field, which must be valid if it is stored.
    func optional<Value>(
        _ field: RecordField,
        _ parse: (ArraySlice<UInt8>) -> Value?
    ) throws(RecordFault) -> Value? {
        guard let text = self[field] else { return nil }
        guard let value = parse(text) else { throw .field(field) }
        return value
    }
}

import KeyFormat

/// What is known of an organization and its key.
public struct KeyRecord: Equatable, Sendable {
    /// Whether there is a key.
    public enum State: String, Sendable {
        /// There was never one.
        case none
        case active
        case revoked
        /// There is no such organization any more; what was known of it stays for its version.
        case removed
    }

    /// The active key.
    public struct Key: Equatable, Sendable {
        /// What the store keeps of it.
        public let verifier: Verifier
        /// When it was generated.
        public let createdAt: UnixTime
        /// Who generated it.
        public let createdBy: Principal
        /// From when on it is not accepted any more.
        public let expiresAt: UnixTime?

        /// A key with what is known of it.
        public init(
            verifier: Verifier,
            createdAt: UnixTime,
            createdBy: Principal,
            expiresAt: UnixTime?
        ) {
            self.verifier = verifier
            self.createdAt = createdAt
            self.createdBy = createdBy
            self.expiresAt = expiresAt
        }
    }

    /// The key before the active one, where it goes on for a while.
    public struct PreviousKey: Equatable, Sendable {
        /// What the store keeps of it.
        public let verifier: Verifier
        /// From when on it is not accepted any more.
        public let until: UnixTime
    }

    /// Whose record it is.
    public let organization: Organization
    /// The only principal who may see and manage the key.
    public let owner: Principal
    /// Raised by one with each change.
    public let version: UInt64
    /// The active key, if there is one.
    public let key: Key?
    /// The key before, where it still counts.
    public let previous: PreviousKey?
    /// When the last key was revoked, where none has been generated since.
    public let revokedAt: UnixTime?
    /// Whether there is no such organization any more. It has no key then, and nobody owns it.
    public let isRemoved: Bool

    init(
        organization: Organization,
        owner: Principal,
        version: UInt64,
        key: Key? = nil,
        previous: PreviousKey? = nil,
        revokedAt: UnixTime? = nil,
        isRemoved: Bool = false
    ) {
        self.organization = organization
        self.owner = owner
        self.version = version
        self.key = key
        self.previous = previous
        self.revokedAt = revokedAt
        self.isRemoved = isRemoved
    }

    /// Whether there is a key.
    public var state: State {
        if isRemoved { return .removed }
        return key != nil ? .active : revokedAt != nil ? .revoked : .none
    }
}

// MARK: - Changes

extension KeyRecord {
    /// The first record of an organization, without a key.
    public init(organization: Organization, owner: Principal) {
        self.init(organization: organization, owner: owner, version: 1)
    }

    /// The record of an organization that had been removed, or about which nothing can be proven:
    /// its version goes on.
    public init(organization: Organization, owner: Principal, behind version: UInt64) {
        self.init(organization: organization, owner: owner, version: version + 1)
    }

    /// The record with another owner; the key stays.
    public func transferred(to owner: Principal) -> KeyRecord {
        KeyRecord(
            organization: organization,
            owner: owner,
            version: version + 1,
            key: key,
            previous: previous,
            revokedAt: revokedAt
        )
    }

    /// The same record once more, to be sealed with another pepper.
    public func resealed() -> KeyRecord {
        KeyRecord(
            organization: organization,
            owner: owner,
            version: version + 1,
            key: key,
            previous: previous,
            revokedAt: revokedAt,
            isRemoved: isRemoved
        )
    }

    /// The record of an organization that is not there any more. It has no key.
    public func removed(at now: UnixTime) -> KeyRecord {
        KeyRecord(
            organization: organization,
            owner: owner,
            version: version + 1,
            revokedAt: key == nil ? revokedAt : now,
            isRemoved: true
        )
    }

    /// The record with a new key.
    ///
    /// - Parameter grace: How long the key before goes on, in milliseconds; not beyond its own
    ///   expiry.
    public func replacingKey(with new: Key, graceMilliseconds grace: UInt64) -> KeyRecord {
        KeyRecord(
            organization: organization,
            owner: owner,
            version: version + 1,
            key: new,
            previous: previous(at: new.createdAt, graceMilliseconds: grace)
        )
    }

    /// The record without a key.
    public func revokingKey(at now: UnixTime) -> KeyRecord {
        KeyRecord(
            organization: organization,
            owner: owner,
            version: version + 1,
            revokedAt: now
        )
    }

    private func previous(at now: UnixTime, graceMilliseconds grace: UInt64) -> PreviousKey? {
        guard let key, grace > 0 else { return nil }
        let until = now.advanced(byMilliseconds: grace)
        return PreviousKey(verifier: key.verifier, until: min(until, key.expiresAt ?? until))
    }
}

// MARK: - As it is stored

extension KeyRecord.State {
    init?(stored text: ArraySlice<UInt8>) {
        self.init(rawValue: String(decoding: text, as: UTF8.self))
    }
}

extension KeyRecord {
    /// Reads the fields, which must fit one another; does not look at the seal.
    init(_ stored: StoredRecord) throws(RecordFault) {
        organization = try stored.required(.organization) { Organization($0) }
        owner = try stored.required(.owner) { Principal($0) }
        version = try stored.required(.version) { DecimalNumber.value(of: $0) }
        revokedAt = try stored.optional(.revokedAt) { UnixTime(decimal: $0) }
        let state = try stored.state()
        isRemoved = state == .removed
        key = state == .active ? try Key(stored) : nil
        previous = state == .active ? try PreviousKey(stored) : nil
        guard version < UInt64(Int64.max) else { throw .field(.version) }
        guard self.state == state else { throw .field(.state) }
    }

    /// The text of each field but the seal, in their order; `nil` where a field is not stored.
    var sealedTexts: [[UInt8]?] {
        RecordField.sealed.map { field in
            switch field {
            case .organization: Array(organization.name.utf8)
            case .owner: Array(owner.name.utf8)
            case .version: Array(String(version).utf8)
            case .state: Array(state.rawValue.utf8)
            case .verifier: key?.verifier.hexadecimal
            case .createdAt: key?.createdAt.decimal
            case .createdBy: key.map { Array($0.createdBy.name.utf8) }
            case .expiresAt: key?.expiresAt?.decimal
            case .previousVerifier: previous?.verifier.hexadecimal
            case .previousUntil: previous?.until.decimal
            case .revokedAt: revokedAt?.decimal
            case .mac: nil
            }
        }
    }
}

extension KeyRecord.Key {
    fileprivate init(_ stored: StoredRecord) throws(RecordFault) {
        verifier = try stored.required(.verifier) { Verifier(hexadecimal: $0.span) }
        createdAt = try stored.required(.createdAt) { UnixTime(decimal: $0) }
        createdBy = try stored.required(.createdBy) { Principal($0) }
        expiresAt = try stored.optional(.expiresAt) { UnixTime(decimal: $0) }
    }
}

extension KeyRecord.PreviousKey {
    fileprivate init?(_ stored: StoredRecord) throws(RecordFault) {
        guard
            let verifier = try stored.optional(
                .previousVerifier,
                { Verifier(hexadecimal: $0.span) }
            )
        else { return nil }
        self.verifier = verifier
        until = try stored.required(.previousUntil) { UnixTime(decimal: $0) }
    }
}

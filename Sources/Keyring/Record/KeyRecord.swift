import KeyFormat

/// The record of an organization and its key, authenticated or about to be sealed.
public struct KeyRecord: Equatable, Sendable {
    /// The state of the key.
    public enum State: String, Sendable {
        /// No key was generated yet.
        case none
        case active
        case revoked
        /// The organization was removed. Its record is kept, because versions must never decrease.
        case removed
    }

    /// The active key.
    public struct Key: Equatable, Sendable {
        /// Identifies the key; the store holds nothing else of it.
        public let verifier: Verifier
        /// When it was generated.
        public let createdAt: UnixTime
        /// The principal that generated it.
        public let createdBy: Principal
        /// The moment at which it expires; `nil` if it never does.
        public let expiresAt: UnixTime?

        /// A key and its attributes.
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

    /// The previous key, which stays valid for a while.
    public struct PreviousKey: Equatable, Sendable {
        /// Identifies the key.
        public let verifier: Verifier
        /// The moment at which it expires.
        public let until: UnixTime
    }

    /// The organization to which the record belongs.
    public let organization: Organization
    /// The only principal who may see and manage the key.
    public let owner: Principal
    /// Incremented by each change.
    public let version: UInt64
    /// The active key, if any.
    public let key: Key?
    /// The previous key, if it stays valid for a while.
    public let previous: PreviousKey?
    /// When the last key was revoked; `nil` if a key was generated since.
    public let revokedAt: UnixTime?
    /// Whether the organization was removed. It then has neither a key nor an owner.
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

    /// The state of the key.
    public var state: State {
        if isRemoved { return .removed }
        return key != nil ? .active : revokedAt != nil ? .revoked : .none
    }
}

// MARK: - Changes

extension KeyRecord {
    /// The first record of an organization, without a key.
    ///
    /// - Parameter version: That of the record that it replaces, because the organization was removed, or
    ///   the record cannot be authenticated.
    public init(organization: Organization, owner: Principal, after version: UInt64 = 0) {
        self.init(organization: organization, owner: owner, version: version + 1)
    }

    /// The record with another owner. Its keys stay valid.
    public func transferred(to owner: Principal) -> KeyRecord {
        keepingKeys(owner: owner, isRemoved: false)
    }

    /// The unchanged record with the next version, to be sealed with another pepper.
    public func resealed() -> KeyRecord { keepingKeys(owner: owner, isRemoved: isRemoved) }

    private func keepingKeys(owner: Principal, isRemoved: Bool) -> KeyRecord {
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

    /// The record of the organization after its removal, without a key.
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
    /// - Parameter grace: How long the previous key stays valid, in milliseconds, but not beyond its own
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

    /// The record after the revocation of all its keys.
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

// MARK: - Storage format

extension KeyRecord {
    /// Parses the fields and checks that they are consistent. Does not check the seal.
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

    /// The value of each field except the seal, in their order; `nil` for a field that is not stored.
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

import KeyFormat

/// The part of a record that decides a check: the organization, and its keys with their expiry.
public struct AcceptedKeys: Equatable, Sendable {
    /// A key that is valid until a moment.
    public struct Key: Equatable, Sendable {
        /// Identifies the key.
        public let verifier: Verifier
        /// The moment at which it expires; `nil` if it never does.
        public let until: UnixTime?

        /// A key and its expiry.
        public init(verifier: Verifier, until: UnixTime?) {
            self.verifier = verifier
            self.until = until
        }

        func isValid(at now: UnixTime) -> Bool { until.map { now < $0 } ?? true }
    }

    /// The organization to which the keys belong.
    public let organization: Organization
    /// The active key.
    public let active: Key
    /// The previous key, if it stays valid for a while.
    public let previous: Key?

    /// The keys of an organization.
    public init(organization: Organization, active: Key, previous: Key?) {
        self.organization = organization
        self.active = active
        self.previous = previous
    }

    /// The keys of an authenticated record; `nil` if it has none.
    public init?(_ record: KeyRecord) {
        guard let key = record.key else { return nil }
        self.init(
            organization: record.organization,
            active: Key(verifier: key.verifier, until: key.expiresAt),
            previous: record.previous.map { Key(verifier: $0.verifier, until: $0.until) }
        )
    }
}

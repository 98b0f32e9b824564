import KeyFormat

/// What of a record decides about keys: whose they are, and until when which of them counts.
public struct AcceptedKeys: Equatable, Sendable {
    /// A key that counts until a moment.
    public struct Key: Equatable, Sendable {
        /// What is known of the key.
        public let verifier: Verifier
        /// From when on it is not accepted any more; `nil` where it does not end by itself.
        public let until: UnixTime?

        /// A key and its end.
        public init(verifier: Verifier, until: UnixTime?) {
            self.verifier = verifier
            self.until = until
        }

        func counts(at now: UnixTime) -> Bool { until.map { now < $0 } ?? true }
    }

    /// Whose keys they are.
    public let organization: Organization
    /// The active key.
    public let active: Key
    /// The key before, where it goes on for a while.
    public let previous: Key?

    /// The keys of an organization.
    public init(organization: Organization, active: Key, previous: Key?) {
        self.organization = organization
        self.active = active
        self.previous = previous
    }

    /// The keys that a proven record accepts; `nil` where it has none.
    public init?(_ record: KeyRecord) {
        guard let key = record.key else { return nil }
        self.init(
            organization: record.organization,
            active: Key(verifier: key.verifier, until: key.expiresAt),
            previous: record.previous.map { Key(verifier: $0.verifier, until: $0.until) }
        )
    }
}

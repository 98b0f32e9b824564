import KeyFormat
import Keyring

/// The answer to a check. A refusal is a value, not an error.
public struct Decision: Equatable, Sendable {
    /// What was found.
    public enum Result: Equatable, Sendable {
        case allowed
        /// Not a key at all.
        case malformed
        /// Has the form of a key, and was never issued here.
        case forged
        /// Was issued here, and has been replaced or revoked.
        case revoked
        case expired
        /// The store cannot answer, or what it answers cannot be trusted.
        case unavailable
    }

    /// Where the answer comes from.
    public enum Source: Equatable, Sendable {
        /// From the text alone, or from nowhere.
        case none
        /// From what is known; the store would have told of a change.
        case cache
        case store
        /// From what is known, while the store cannot be reached.
        case grace
    }

    /// What an open stream depends on.
    public struct StreamKey: Equatable, Sendable {
        /// Tells the key from others of its organization.
        public let keyID: UInt64
        /// When the key ends by itself.
        public let until: UnixTime?

        /// A key that let a request in.
        public init(keyID: UInt64, until: UnixTime?) {
            self.keyID = keyID
            self.until = until
        }
    }

    /// What was found.
    public let result: Result
    /// Where the answer comes from.
    public let source: Source
    /// Whose key it is, where that is proven.
    public let organization: Organization?
    /// The key's locator, where the key was issued here.
    public let locator: Locator?
    /// What the request depends on while it is open, where it is allowed.
    public let streamKey: StreamKey?

    @inline(__always)
    private init(
        _ result: Result,
        _ source: Source,
        _ locator: Locator?,
        organization: Organization? = nil,
        streamKey: StreamKey? = nil
    ) {
        self.result = result
        self.source = source
        self.locator = locator
        self.organization = organization
        self.streamKey = streamKey
    }

    /// The store was not asked.
    static func fromText(_ result: Result) -> Decision { Decision(result, .none, nil) }

    /// The store did not answer.
    static func unavailable(_ locator: Locator) -> Decision {
        Decision(.unavailable, .none, locator)
    }

    /// A key that was verified before.
    @inline(__always)
    static func recognized(_ known: RecordCache.Recognition) -> Decision {
        Decision(
            .allowed,
            .cache,
            known.locator,
            organization: known.organization,
            streamKey: known.streamKey
        )
    }

    /// A key was compared with those that count.
    @inline(__always)
    static func compared(
        _ key: KeyVerifier.IssuedKey,
        with keys: AcceptedKeys?,
        from source: Source,
        at now: UnixTime
    ) -> Decision {
        switch KeyValidity(of: key.verifier, in: keys, at: now) {
        case .valid(let organization):
            let isActive = keys?.active.verifier == key.verifier
            let until = isActive ? keys?.active.until : keys?.previous?.until
            return Decision(
                .allowed,
                source,
                key.locator,
                organization: organization,
                streamKey: StreamKey(keyID: key.verifier.keyID, until: until)
            )
        case .revoked: return Decision(.revoked, source, key.locator)
        case .expired: return Decision(.expired, source, key.locator)
        }
    }
}

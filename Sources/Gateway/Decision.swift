import KeyFormat
import Keyring

/// The answer to a check. A refusal is a value, not an error.
public struct Decision: Equatable, Sendable {
    /// What a check found.
    public enum Result: Equatable, Sendable {
        case allowed
        /// Not a key at all.
        case malformed
        /// Well formed, but never issued here.
        case forged
        /// Issued here, since replaced or revoked.
        case revoked
        case expired
        /// The store does not answer, or its record is not genuine.
        case unavailable
    }

    /// What the decision rests on.
    public enum Source: Equatable, Sendable {
        /// The credential alone, or nothing.
        case none
        /// A cached record under the lease.
        case cache
        /// A record that was read for this check.
        case store
        /// A cached record beyond its lease, while the store cannot be reached.
        case grace
    }

    /// The key that an open request depends on.
    public struct StreamKey: Equatable, Sendable {
        /// Distinguishes the key from others of its organization.
        public let keyID: UInt64
        /// When the key expires.
        public let until: UnixTime?

        /// The key that admitted a request.
        public init(keyID: UInt64, until: UnixTime?) {
            self.keyID = keyID
            self.until = until
        }
    }

    /// What the check found.
    public let result: Result
    /// What the decision rests on.
    public let source: Source
    /// The key's organization, where a record proves it.
    public let organization: Organization?
    /// The key's locator, if the key was issued here.
    public let locator: Locator?
    /// The key, if it is allowed.
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

    /// Decided by the credential alone.
    static func fromText(_ result: Result) -> Decision { Decision(result, .none, nil) }

    /// Not decided: there is no trustworthy record.
    static func unavailable(_ locator: Locator) -> Decision {
        Decision(.unavailable, .none, locator)
    }

    /// A recognized key.
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

    /// A key, compared with those that its record accepts.
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

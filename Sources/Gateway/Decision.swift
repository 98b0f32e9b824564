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
        case store
    }

    /// What was found.
    public let result: Result
    /// Where the answer comes from.
    public let source: Source
    /// Whose key it is, where that is proven.
    public let organization: Organization?
    /// The key's locator, where the key was issued here.
    public let locator: Locator?

    /// The store was not asked.
    static func fromText(_ result: Result) -> Decision {
        Decision(result: result, source: .none, organization: nil, locator: nil)
    }

    /// The store did not answer.
    static func unavailable(_ locator: Locator) -> Decision {
        Decision(result: .unavailable, source: .none, organization: nil, locator: locator)
    }

    /// The store's record was compared.
    static func fromStore(_ standing: KeyStanding, _ locator: Locator) -> Decision {
        switch standing {
        case .valid(let organization):
            Decision(result: .allowed, source: .store, organization: organization, locator: locator)
        case .revoked:
            Decision(result: .revoked, source: .store, organization: nil, locator: locator)
        case .expired:
            Decision(result: .expired, source: .store, organization: nil, locator: locator)
        }
    }
}

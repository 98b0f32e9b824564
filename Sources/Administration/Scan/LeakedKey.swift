import Keyring

/// A key that stands where none should.
public struct LeakedKey: Equatable, Sendable {
    /// What is known of it.
    public enum Standing: String, Sendable {
        /// It opens the gate: it has to be replaced.
        case active
        /// It was replaced or revoked.
        case revoked
        case expired
        /// It has the form of a key, but was not issued here.
        case foreign
        /// The pepper or the store cannot be asked.
        case unknown
    }

    /// Where it stands.
    public struct Place: Equatable, Sendable {
        /// The file, or what git calls it.
        public let path: String
        /// The line, from 1.
        public let line: Int
        /// The commit in whose tree it stands, where that is known.
        public var commit: String?
        /// What git calls the object, where it is one of git's.
        public var object: String?
    }

    /// Where it stands.
    public let place: Place
    /// The part that may be shown: prefix and locator.
    public let publicPart: String
    /// What is known of it.
    public let standing: Standing
    /// Whose it is, where it is active.
    public let organization: Organization?
}

import KeyFormat
import Keyring

/// Where a key was found.
public enum ScanPlace: Equatable, Sendable {
    /// A file, by the path that was given, or standard input.
    case file(String)
    /// A file of a commit; without a path, the text of the commit or a tag.
    case commit(repository: String, id: String, path: String?)
    /// A staged file, in a work tree of the repository.
    case index(repository: String, path: String)

    /// The repository; `nil` for a file outside of git's storage.
    public var repository: String? {
        switch self {
        case .file: nil
        case .commit(let repository, _, _): repository
        case .index(let repository, _): repository
        }
    }

    /// The file's path; `nil` for the text of a commit or a tag.
    public var path: String? {
        switch self {
        case .file(let path): path
        case .commit(_, _, let path): path
        case .index(_, let path): path
        }
    }
}

/// What is known about a key that was found.
public enum ScanVerdict: Equatable, Sendable {
    /// Workers accept it.
    case active(Organization)
    /// Replaced or revoked, with its organization if a record names it.
    case revoked(Organization?)
    case expired(Organization)
    /// Not made with the peppers of this installation: forged, or from another installation.
    case forged
    /// The pepper, the store or the record could not be read.
    case unknown
}

/// A key that was found, without its secret part.
public struct ScanFinding: Equatable, Sendable {
    /// Where it was found.
    public let place: ScanPlace
    /// The line on which it begins, from 1; 0 if it is part of the file's name.
    public let line: Int
    /// The key's prefix.
    public let prefix: String
    /// The key's locator, which names the organization's record.
    public let locator: Locator
    /// The organization and the validity.
    public let verdict: ScanVerdict

    /// The part of the key that may be shown.
    public var shown: String { "\(prefix)_\(locator)_…" }
}

import KeyFormat
import Keyring

/// Where a key was found.
public enum ScanPlace: Equatable, Sendable {
    /// A file, as it was named, or standard input.
    case file(String)
    /// A file of a commit; without a path the commit's own text, or a tag's.
    case commit(repository: String, id: String, path: String?)
    /// A file as it is staged, in a work tree of that repository.
    case index(repository: String, path: String)

    /// The repository, where it is in what git keeps.
    public var repository: String? {
        switch self {
        case .file: nil
        case .commit(let repository, _, _): repository
        case .index(let repository, _): repository
        }
    }

    /// The file's name, where there is a file.
    public var path: String? {
        switch self {
        case .file(let path): path
        case .commit(_, _, let path): path
        case .index(_, let path): path
        }
    }
}

/// What is known of a key that was found.
public enum ScanVerdict: Equatable, Sendable {
    /// Gateways accept it.
    case active(Organization)
    /// Replaced or revoked; whose it was, where a record tells that.
    case revoked(Organization?)
    case expired(Organization)
    /// Not made with this installation's peppers: made up, or another installation's.
    case forged
    /// The pepper, the store or the record could not be read.
    case unknown
}

/// A key that was found where none belongs. Holds nothing that lets anybody in.
public struct ScanFinding: Equatable, Sendable {
    /// Where it is.
    public let place: ScanPlace
    /// The line on which it begins, from 1; 0 where it is part of the file's name.
    public let line: Int
    /// What the key begins with.
    public let prefix: String
    /// Names the organization's record.
    public let locator: Locator
    /// Whose it is, and whether it lets anybody in.
    public let verdict: ScanVerdict

    /// As much of the key as may be shown.
    public var shown: String { "\(prefix)_\(locator)_…" }
}

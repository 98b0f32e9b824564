import KeyFormat
import RedisClient

/// The secrets that a configuration names, read from their files.
public enum Secrets {
    /// The contents of the pepper file.
    public static func pepperContents(_ configuration: Configuration) throws(SecretFault)
        -> SecretBytes
    {
        try read(configuration.pepperFile, directive: "latchkey_pepper_file")
    }

    /// The contents of a file with a user and password of the store.
    public static func credentialsContents(_ path: String) throws(SecretFault) -> SecretBytes {
        try read(path, directive: "latchkey_store_auth")
    }

    /// The peppers in the contents of the pepper file.
    public static func peppers(
        _ contents: borrowing SecretBytes,
        _ configuration: Configuration
    ) throws(SecretFault) -> PepperRing {
        do throws(PepperRing.Fault) {
            return try PepperRing(contents: contents)
        } catch {
            throw SecretFault(
                "latchkey_pepper_file",
                "latchkey_pepper_file names \(configuration.pepperFile), which \(error)",
                isLost: error != .tooMany
            )
        }
    }

    /// The user and password in the contents of a credentials file: two words and nothing else.
    public static func credentials(_ contents: borrowing SecretBytes) throws(SecretFault)
        -> RedisCredentials
    {
        let credentials = contents.withSpan { text -> RedisCredentials? in
            let words = Self.words(text)
            guard words.count == 2 else { return nil }
            return RedisCredentials(
                user: text.extracting(words[0]),
                password: text.extracting(words[1])
            )
        }
        guard let credentials else {
            throw SecretFault(
                "latchkey_store_auth",
                "latchkey_store_auth names a file that must hold a user, a space and a password"
            )
        }
        return credentials
    }

    private static func words(_ text: Span<UInt8>) -> [Range<Int>] {
        var words: [Range<Int>] = []
        var start: Int?
        for index in 0...text.count {
            let isBlank = index == text.count || text[index] <= 0x20
            if isBlank, let first = start { words.append(first..<index) }
            start = isBlank ? nil : start ?? index
        }
        return words
    }

    private static func read(_ path: String, directive: String) throws(SecretFault) -> SecretBytes {
        do throws(SecretFile.Fault) {
            return try SecretFile.read(path)
        } catch {
            throw SecretFault(
                directive,
                "\(directive) names \(path), which \(error)",
                isForeign: error == .notPermitted(ownedByCaller: false),
                isLost: error == .missing
            )
        }
    }
}

/// Why a secret is not to be had.
public struct SecretFault: Error, Equatable, Sendable {
    /// The directive that names the file.
    public let directive: String
    /// What is wrong and what to do; never what the file holds.
    public let message: String
    /// Whether the file is somebody else's and closed to this account.
    public let isForeign: Bool
    /// Whether there is no such secret any more: the file is gone, or holds something else.
    public let isLost: Bool

    init(
        _ directive: String,
        _ message: String,
        isForeign: Bool = false,
        isLost: Bool = false
    ) {
        self.directive = directive
        self.message = message
        self.isForeign = isForeign
        self.isLost = isLost
    }
}

extension PepperRing.Fault: CustomStringConvertible {
    /// What is wrong and what to do, as the end of a sentence that begins with the file.
    public var description: String {
        switch self {
        case .empty: "is empty: it needs 64 hexadecimal digits on a line"
        case .tooMany: "has more than \(PepperRing.countMax) secrets: take the oldest out"
        case .line(let line): "has something else than 64 hexadecimal digits on line \(line)"
        }
    }
}

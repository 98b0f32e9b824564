import KeyFormat
import RedisClient

/// Reads the secrets whose files the configuration names.
public enum Secrets {
    /// The contents of the pepper file.
    public static func pepperContents(_ configuration: Configuration) throws(SecretFault)
        -> SecretBytes
    {
        try read(configuration.pepperFile, directive: "latchkey_pepper_file")
    }

    /// The contents of a credentials file: a user and password of Redis.
    public static func credentialsContents(_ path: String) throws(SecretFault) -> SecretBytes {
        try read(path, directive: "latchkey_store_auth")
    }

    /// The contents of the private key that is presented to the store.
    public static func storeKeyContents(_ path: String) throws(SecretFault) -> SecretBytes {
        try read(path, directive: StoreTLS.directive)
    }

    /// Refuses a private key of TLS that is missing or that every account may access. Its contents are
    /// OpenSSL's to read.
    public static func checkKey(_ tls: StoreTLS) throws(SecretFault) {
        guard let file = tls.keyFile else { return }
        _ = try storeKeyContents(file)
    }

    /// Parses the contents of the pepper file.
    public static func peppers(
        _ contents: borrowing SecretBytes,
        _ configuration: Configuration
    ) throws(SecretFault) -> PepperRing {
        try translating(try PepperRing(contents: contents)) { (fault: PepperRing.Fault) in
            SecretFault(
                "latchkey_pepper_file",
                "latchkey_pepper_file names \(configuration.pepperFile), which \(fault)",
                isLost: fault != .tooMany
            )
        }
    }

    /// Parses the contents of a credentials file: a user and a password, separated by white space.
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
                "latchkey_store_auth names a file that must contain a user and a password"
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
        try translating(try SecretFile.read(path)) { (fault: SecretFile.Fault) in
            SecretFault(
                directive,
                "\(directive) names \(path), which \(fault)",
                isForeign: fault == .notPermitted(ownedByCaller: false),
                isLost: fault == .missing
            )
        }
    }
}

/// Why a secret is not available.
public struct SecretFault: Error, Equatable, Sendable {
    /// The directive that names the file.
    public let directive: String
    /// What is wrong and how to fix it. Never contains contents of the file.
    public let message: String
    /// Whether the file belongs to another account and may not be read by this one.
    public let isForeign: Bool
    /// Whether the secret no longer exists: the file is missing, or has other contents.
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
    /// What is wrong and how to fix it, as the predicate of a sentence whose subject is the file.
    public var description: String {
        switch self {
        case .empty: "is empty: it must contain a line of 64 hexadecimal digits"
        case .tooMany: "has more than \(PepperRing.countMax) peppers: remove the oldest"
        case .line(let line): "does not have 64 hexadecimal digits on line \(line)"
        }
    }
}

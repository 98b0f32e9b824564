import CLibcrypto

/// Generates keys.
public struct KeyMint {
    /// A new key: its text, to be displayed once, and its verifier, to be stored.
    public struct MintedKey: ~Copyable {
        /// The whole key as ASCII, wiped on release.
        public let text: SecretBytes
        /// Identifies the key in its record.
        public let verifier: Verifier

        /// Transfers ownership of the text to the caller.
        public consuming func takeText() -> SecretBytes { text }
    }

    private let prefix: KeyPrefix
    private let layout: KeyLayout
    private let pepper: Pepper

    /// A mint for keys with the given prefix and pepper.
    public init(prefix: KeyPrefix, pepper: Pepper) {
        self.prefix = prefix
        self.pepper = pepper
        layout = KeyLayout(prefix: prefix)
    }

    /// Generates a key for the organization with a locator. The secret comes from the random number
    /// generator of the operating system.
    public func mint(for locator: Locator) -> MintedKey {
        var generator = SystemRandomNumberGenerator()
        return mint(for: locator, using: &generator)
    }

    /// Generates a key with a secret from a generator, which must be cryptographically secure except in
    /// tests.
    func mint(for locator: Locator, using generator: inout some RandomNumberGenerator) -> MintedKey
    {
        var text: [UInt8] = []
        text.reserveCapacity(layout.length)
        defer { text.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) } }
        text += prefix.ascii
        text.append(UInt8(ascii: "_"))
        locator.withDigits { text += $0 }
        text.append(UInt8(ascii: "_"))
        for _ in 0..<KeyLayout.secretLength {
            text.append(Base62.digit(UInt8.random(in: 0..<62, using: &generator)))
        }
        let verifier = seal(&text)
        return MintedKey(text: SecretBytes(copying: text.span), verifier: verifier)
    }

    /// Appends the tag and the checksum to a key that ends with its secret.
    func seal(_ text: inout [UInt8]) -> Verifier {
        let authenticator = pepper.authenticator(of: text.span)
        Base62.append(
            authenticator.first64Bits % KeyLayout.tagModulus,
            width: KeyLayout.tagLength,
            to: &text
        )
        let checksum = CRC32.checksum(of: text.span, count: text.count)
        Base62.append(checksum, width: KeyLayout.checksumLength, to: &text)
        return Verifier(authenticator)
    }
}

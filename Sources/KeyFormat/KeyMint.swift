import CLibcrypto

/// Makes new keys.
public struct KeyMint {
    /// A new key: its text, to be shown once, and what the store keeps of it.
    public struct MintedKey: ~Copyable {
        /// The whole key as ASCII, wiped when let go.
        public let text: SecretBytes
        /// What the store keeps.
        public let verifier: Verifier

        /// Gives the text away.
        public consuming func takeText() -> SecretBytes { text }
    }

    /// Length in bytes of the longest key that any prefix gives.
    public static let lengthMax = 79

    private let prefix: KeyPrefix
    private let layout: KeyLayout
    private let pepper: Pepper

    /// A mint for keys with a prefix under a pepper.
    public init(prefix: KeyPrefix, pepper: Pepper) {
        self.prefix = prefix
        self.pepper = pepper
        layout = KeyLayout(prefix: prefix)
    }

    /// Makes a key for the organization that a locator names, with a secret from the operating
    /// system's generator.
    public func mint(for locator: Locator) -> MintedKey {
        var generator = SystemRandomNumberGenerator()
        return mint(for: locator, using: &generator)
    }

    /// Makes a key with a secret from a generator, which must be fit for cryptography outside of
    /// tests.
    func mint(for locator: Locator, using generator: inout some RandomNumberGenerator) -> MintedKey
    {
        var text: [UInt8] = []
        text.reserveCapacity(layout.length)
        defer { text.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) } }
        text += prefix.ascii
        text.append(UInt8(ascii: "_"))
        locator.append(to: &text)
        text.append(UInt8(ascii: "_"))
        for _ in 0..<KeyLayout.secretLength {
            text.append(Base62.digit(UInt8.random(in: 0..<62, using: &generator)))
        }
        let verifier = seal(&text)
        return MintedKey(text: SecretBytes(copying: text.span), verifier: verifier)
    }

    /// Appends tag and checksum to a key that ends with its secret.
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

/// Distinguishes keys issued by this installation from all other texts, without the store.
public struct KeyVerifier {
    /// A key issued by this installation. Whether it is still valid depends on its record.
    public struct IssuedKey: Sendable {
        /// The locator of its organization.
        public let locator: Locator
        /// Identifies the key in its record.
        public let verifier: Verifier

        /// Restores a key that was verified before.
        package init(locator: Locator, verifier: Verifier) {
            self.locator = locator
            self.verifier = verifier
        }
    }

    /// The result of verifying a text.
    public enum Verdict: Sendable {
        /// Not a key: the length, prefix, characters or checksum are wrong.
        case malformed
        /// Well-formed, but the tag was not made with any of the peppers.
        case forged
        case issued(IssuedKey)
    }

    private let prefix: KeyPrefix
    private let layout: KeyLayout
    private let peppers: [Pepper]

    /// A verifier for keys with the given prefix, made with any pepper of a ring.
    public init(prefix: KeyPrefix, peppers: PepperRing) {
        self.prefix = prefix
        self.peppers = peppers.peppers
        layout = KeyLayout(prefix: prefix)
    }

    /// Verifies a text of any length and content.
    public func verdict(on text: Span<UInt8>) -> Verdict {
        guard let locator = wellFormedLocator(in: text),
            let tag = Base62.number(in: text, layout.tagStart..<layout.checksumStart)
        else { return .malformed }
        for pepper in peppers {
            let authenticator = pepper.authenticator(of: text, count: layout.tagStart)
            if authenticator.first64Bits % KeyLayout.tagModulus == tag {
                return .issued(IssuedKey(locator: locator, verifier: Verifier(authenticator)))
            }
        }
        return .forged
    }

    /// The bytes at the position of the locator, if the text has the length of a key. They are not
    /// verified.
    public func unauthenticatedLocator(in text: Span<UInt8>) -> Locator? {
        text.count == layout.length ? Locator(digits: text, at: layout.locatorStart) : nil
    }

    private func wellFormedLocator(in text: Span<UInt8>) -> Locator? {
        guard text.count == layout.length, hasPrefix(text),
            text[layout.locatorStart - 1] == UInt8(ascii: "_"),
            text[layout.secretStart - 1] == UInt8(ascii: "_"),
            Base62.areDigits(text, layout.secretStart..<layout.tagStart),
            let checksum = Base62.number(in: text, layout.checksumStart..<layout.length),
            checksum == UInt64(CRC32.checksum(of: text, count: layout.checksumStart))
        else { return nil }
        return Locator(ascii: text, at: layout.locatorStart)
    }

    private func hasPrefix(_ text: Span<UInt8>) -> Bool {
        for index in 0..<prefix.ascii.count where text[index] != prefix.ascii[index] {
            return false
        }
        return true
    }
}

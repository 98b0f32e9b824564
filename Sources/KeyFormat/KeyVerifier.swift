/// Tells keys that were issued here from all other texts, without asking the store.
public struct KeyVerifier {
    /// A key that was issued here. Whether it still counts, only its record can tell.
    public struct IssuedKey: Sendable {
        /// Names the organization's record.
        public let locator: Locator
        /// To be compared with the record's.
        public let verifier: Verifier

        /// A key that was found to be issued here before.
        package init(locator: Locator, verifier: Verifier) {
            self.locator = locator
            self.verifier = verifier
        }
    }

    /// What can be said of a text from the text alone.
    public enum Verdict: Sendable {
        /// Not a key: its length, prefix, characters or checksum are wrong.
        case malformed
        /// Has the form of a key, but the tag is not ours.
        case forged
        case issued(IssuedKey)
    }

    private let prefix: KeyPrefix
    private let layout: KeyLayout
    private let peppers: [Pepper]

    /// A verifier for keys with a prefix, made with any of a ring's peppers.
    public init(prefix: KeyPrefix, peppers: PepperRing) {
        self.prefix = prefix
        self.peppers = peppers.peppers
        layout = KeyLayout(prefix: prefix)
    }

    /// Judges a text of any length and content.
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

    /// The locator that a text says it has, where it is as long as a key. It proves nothing.
    public func claimedLocator(in text: Span<UInt8>) -> Locator? {
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

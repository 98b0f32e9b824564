/// Finds keys of any prefix in arbitrary bytes. The checksum rules out false positives.
public enum KeySearch {
    /// Length of the longest key, in bytes.
    public static let lengthMax = prefixLengthMax + 1 + Locator.length + 1 + tailLength

    /// An occurrence of a key.
    public struct Match: Sendable {
        /// The prefix of the key.
        public let prefix: KeyPrefix
        /// The locator of its organization.
        public let locator: Locator
        /// The position of the whole key.
        public let range: Range<Int>
    }

    private static let wordLengths = 2...12
    private static let suffixes = ["", "_live", "_test"]
    private static let prefixLengthMax = 17

    /// Length of secret, tag and checksum, which form one run of digits.
    private static let tailLength =
        KeyLayout.secretLength + KeyLayout.tagLength + KeyLayout.checksumLength

    private static let isDigit: [Bool] = (0..<256).map {
        Base62.value(of: UInt8($0)) != 255
    }

    /// Passes each key to `body`, in the order of the text.
    ///
    /// Probes are one tail length apart, so that each tail contains exactly one of them. Only a probe that
    /// hits a digit is examined further.
    public static func forEach(in text: UnsafeRawBufferPointer, _ body: (Match) -> Void) {
        isDigit.withUnsafeBufferPointer { isDigit in
            let first = wordLengths.lowerBound + 1 + Locator.length + 1
            var probe = first + tailLength - 1
            while probe < text.count {
                defer { probe += tailLength }
                var start = probe
                while probe - start < tailLength, isDigit[Int(text[start])] { start -= 1 }
                guard start < probe, text[start] == underscore,
                    let match = match(in: text, tail: start + 1, probe, isDigit)
                else { continue }
                body(match)
            }
        }
    }

    private static let underscore = UInt8(ascii: "_")

    private static func match(
        in text: UnsafeRawBufferPointer,
        tail: Int,
        _ probe: Int,
        _ isDigit: UnsafeBufferPointer<Bool>
    ) -> Match? {
        let end = tail + tailLength
        let locator = tail - 1 - Locator.length
        guard end <= text.count, locator > 0, text[locator - 1] == underscore,
            (locator..<tail - 1).allSatisfy({ isDigit[Int(text[$0])] }),
            (probe..<end).allSatisfy({ isDigit[Int(text[$0])] })
        else { return nil }
        let bytes = text.bindMemory(to: UInt8.self)
        let hasValidChecksum = { (start: Int) in
            hasChecksum(bytes.extracting(start..<end))
        }
        guard let prefix = prefix(in: bytes, endingAt: locator - 1, where: hasValidChecksum),
            let name = Locator(ascii: bytes.span, at: locator)
        else { return nil }
        return Match(prefix: prefix, locator: name, range: locator - 1 - prefix.ascii.count..<end)
    }

    private static func hasChecksum(_ key: UnsafeBufferPointer<UInt8>) -> Bool {
        let start = key.count - KeyLayout.checksumLength
        return Base62.number(in: key.span, start..<key.count)
            == UInt64(CRC32.checksum(of: key.span, count: start))
    }

    /// The prefix that ends at an offset. Letters before it need not belong to it, so the checksum decides
    /// where it begins.
    private static func prefix(
        in text: UnsafeBufferPointer<UInt8>,
        endingAt end: Int,
        where hasValidChecksum: (Int) -> Bool
    ) -> KeyPrefix? {
        for suffix in suffixes {
            for length in wordLengths {
                let start = end - suffix.utf8.count - length
                guard start >= 0 else { break }
                if let prefix = KeyPrefix(text[start..<end]), hasValidChecksum(start) {
                    return prefix
                }
            }
        }
        return nil
    }
}

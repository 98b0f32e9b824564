import TestSupport
import Testing

@testable import KeyFormat

struct KeySearchTests {
    /// The matches in a text.
    private func matches(_ text: String) -> [KeySearch.Match] {
        var matches: [KeySearch.Match] = []
        Array(text.utf8).withUnsafeBytes { text in
            KeySearch.forEach(in: text) { matches.append($0) }
        }
        return matches
    }

    private func key(_ prefix: String = "lk") throws -> String {
        String(decoding: try Installation(prefix: prefix).mintText(for: "acme"), as: UTF8.self)
    }

    @Test func `keys of another implementation are found with prefix and locator`() throws {
        for vector in try Vectors.load().keys {
            let found = matches(" \(vector.key) ")
            #expect(found.count == 1)
            #expect(found[0].prefix.ascii == Array(vector.prefix.utf8))
            #expect(found[0].locator.description == vector.locator)
            #expect(found[0].range == 1..<1 + vector.key.utf8.count)
        }
    }

    @Test func `a key is found at any position in any context`() throws {
        let key = try key()
        for around in [" ", "_", "a", "Z", "\n", "\u{0}", "ü"] {
            for count in 0..<200 {
                let before = String(repeating: around, count: count)
                let found = matches(before + key + around)
                #expect(found.map(\.range.lowerBound) == [before.utf8.count])
                #expect(matches(before + key).count == 1)
            }
        }
    }

    @Test func `adjacent keys are all found`() throws {
        let keys = try ["lk", "ab", "acme_live", "abcdefghijkl_test", "a1"].map { try key($0) }
        for separator in ["", " ", "_"] {
            let found = matches(keys.joined(separator: separator))
            #expect(found.map(\.prefix.ascii.count) == [2, 2, 9, 17, 2])
        }
    }

    @Test func `an almost valid key is not found`() throws {
        let key = Array(try key().utf8)
        for index in key.indices {
            for byte in Set("0aA_-é".utf8) where byte != key[index] {
                var other = key
                other[index] = byte
                #expect(matches(String(decoding: other, as: UTF8.self)).isEmpty)
            }
            #expect(matches(String(decoding: key[..<index], as: UTF8.self)).isEmpty)
        }
        #expect(matches(String(decoding: key[1...], as: UTF8.self)).isEmpty)
    }

    @Test func `random bytes contain no keys`() {
        var generator = SplitMix64(seed: 1)
        let digits = Array("0123456789abcXYZ_".utf8)
        var text = (0..<300_000).map { _ in digits.randomElement(using: &generator)! }
        // Underscores at the positions of those of a key.
        for start in stride(from: 0, to: text.count - 80, by: 80) {
            for index in start + 18..<start + 64 { text[index] = UInt8(ascii: "x") }
            (text[start + 2], text[start + 17]) = (UInt8(ascii: "_"), UInt8(ascii: "_"))
        }
        #expect(matches(String(decoding: text, as: UTF8.self)).isEmpty)
        #expect(matches("").isEmpty)
    }
}

import Testing

@testable import KeyFormat

struct KeyFinderTests {
    private func found(_ text: String) -> [String] {
        let bytes = Array(text.utf8)
        return KeyFinder().keys(in: bytes.span).map { String(decoding: bytes[$0], as: UTF8.self) }
    }

    private func key(_ prefix: String = "lk") throws -> String {
        let prefix = try #require(KeyPrefix(prefix.utf8))
        let contents = PepperRing.makeContents()
        let pepper = try PepperRing(contents: contents).current
        let minted = KeyMint(prefix: prefix, pepper: pepper).mint(
            for: Locator(organization: "acme".utf8)
        )
        return minted.text.withSpan { text in
            String(decoding: text.indices.map { text[$0] }, as: UTF8.self)
        }
    }

    @Test(arguments: ["lk", "ab", "acme_live", "abcdefghijkl", "abcdefghijkl_test"])
    func `a key is found in any surroundings`(prefix: String) throws {
        let key = try key(prefix)
        for text in [key, "\"\(key)\"", "_\(key)_", "A\(key)0", "=\(key)\n", "\u{FC}\(key)"] {
            #expect(found(text) == [key])
        }
        #expect(found("\(key)\(key) \(key)") == [key, key, key])
    }

    @Test func `a key with any character changed is none`() throws {
        let key = Array(try key().utf8)
        for index in key.indices {
            var changed = key
            changed[index] =
                changed[index] == UInt8(ascii: "q") ? UInt8(ascii: "r") : UInt8(ascii: "q")
            #expect(found(String(decoding: changed, as: UTF8.self)).isEmpty)
        }
    }

    @Test func `a key that is cut off is none`() throws {
        let key = try key()
        for count in 0..<key.count { #expect(found(String(key.prefix(count))).isEmpty) }
        for count in 0..<key.count { #expect(found(String(key.suffix(count))).isEmpty) }
    }

    @Test func `no text of underscores and digits is too much`() {
        for count in 0..<200 {
            #expect(found(String(repeating: "_", count: count)).isEmpty)
            #expect(found(String(repeating: "a", count: count)).isEmpty)
            #expect(found(String(repeating: "a_", count: count)).isEmpty)
        }
    }
}

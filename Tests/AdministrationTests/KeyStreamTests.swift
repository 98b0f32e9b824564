import KeyFormat
import TestSupport
import Testing

@testable import Administration

struct KeyStreamTests {
    private struct Found: Equatable {
        let line: Int
        let text: String
    }

    private func key(_ organization: String, _ prefix: String) throws -> String {
        let contents = String(repeating: "0a", count: 32)
        let ring = try PepperRing(contents: contents.secret)
        let mint = KeyMint(prefix: KeyPrefix(prefix.utf8)!, pepper: ring.current)
        return mint.mint(for: Locator(organization: organization.utf8)).text.string
    }

    /// The keys found in a text that arrives in pieces of one length.
    private func found(_ text: String, piecesOf length: Int) -> [Found] {
        var stream = KeyStream()
        var found: [Found] = []
        let bytes = Array(text.utf8)
        for start in stride(from: 0, to: bytes.count, by: length) {
            bytes[start..<min(start + length, bytes.count)].withUnsafeBytes { piece in
                stream.search(piece) { _, line, text in
                    found.append(Found(line: line, text: String(decoding: text, as: UTF8.self)))
                }
            }
        }
        return found
    }

    @Test func `each key is found once, on its line, however the text is split`() throws {
        let keys = [
            try key("acme", "lk"), try key("bravo", "abcdefghijkl_live"), try key("acme", "ab"),
        ]
        let text = "\n\nfirst \(keys[0])\n\n\(keys[1])\(keys[2]) \n last \(keys[0])"
        let expected = [
            Found(line: 3, text: keys[0]), Found(line: 5, text: keys[1]),
            Found(line: 5, text: keys[2]), Found(line: 6, text: keys[0]),
        ]
        for length in 1...text.utf8.count {
            #expect(found(text, piecesOf: length) == expected)
        }
    }

    @Test func `an incomplete key is not found`() throws {
        let key = try key("acme", "lk")
        for length in 1...key.utf8.count {
            #expect(found("\(key.dropLast()) \(key.dropFirst())", piecesOf: length).isEmpty)
        }
    }
}

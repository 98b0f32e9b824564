import Testing

@testable import KeyFormat

struct KeyVerifierTests {
    private let installation: Installation
    private let key: [UInt8]
    private let layout: KeyLayout

    init() throws {
        installation = try Installation()
        layout = KeyLayout(prefix: installation.prefix)
        key = installation.mintText(for: "acme")
    }

    /// Replaces the checksum with the correct one.
    private func resealed(_ text: [UInt8]) -> [UInt8] {
        var text = Array(text.dropLast(KeyLayout.checksumLength))
        let checksum = CRC32.checksum(of: text.span, count: text.count)
        Base62.append(checksum, width: KeyLayout.checksumLength, to: &text)
        return text
    }

    @Test func `a key with any one byte changed is malformed`() {
        #expect(installation.outcome(key).isIssued)
        for place in key.indices {
            var altered = key
            for byte in UInt8.min...UInt8.max where byte != key[place] {
                altered[place] = byte
                #expect(installation.outcome(altered) == .malformed, "byte \(byte) at \(place)")
            }
        }
    }

    @Test func `a key with one byte changed and its checksum fixed is never issued`() {
        for place in key.indices.dropLast(KeyLayout.checksumLength) {
            var altered = key
            for byte in UInt8.min...UInt8.max where byte != key[place] {
                altered[place] = byte
                let isFree = place >= layout.locatorStart && place != layout.secretStart - 1
                let isDigit = isFree && Base62.value(of: byte) < 62
                let expected: Outcome = isDigit ? .forged : .malformed
                #expect(
                    installation.outcome(resealed(altered)) == expected,
                    "byte \(byte) at \(place)"
                )
            }
        }
    }

    @Test func `keys are case-sensitive`() {
        for place in key.indices where Self.isLetter(key[place]) {
            var altered = key
            altered[place] ^= 0x20
            #expect(installation.outcome(altered) == .malformed)
            if place >= layout.checksumStart { continue }
            let expected: Outcome = place < layout.locatorStart ? .malformed : .forged
            #expect(installation.outcome(resealed(altered)) == expected)
        }
        let text = String(decoding: key, as: UTF8.self)
        #expect(installation.outcome(text.lowercased()) == .malformed)
        #expect(installation.outcome(text.uppercased()) == .malformed)
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (10..<62).contains(Base62.value(of: byte))
    }

    @Test func `a key with two adjacent bytes swapped is never issued`() {
        for place in key.indices.dropLast() where key[place] != key[place + 1] {
            var altered = key
            altered.swapAt(place, place + 1)
            #expect(installation.outcome(altered) == .malformed)
        }
    }

    @Test func `every shorter text is malformed`() {
        for length in 0..<key.count {
            #expect(installation.outcome(Array(key.prefix(length))) == .malformed)
            #expect(installation.outcome(Array(key.suffix(length))) == .malformed)
        }
    }

    @Test(arguments: [1, 2, 16, 62, 4096, 65_536, 1 << 20])
    func `a longer text is malformed`(extra: Int) {
        #expect(
            installation.outcome(key + Array(repeating: UInt8(ascii: "0"), count: extra))
                == .malformed
        )
        #expect(
            installation.outcome(Array(repeating: UInt8(ascii: " "), count: extra) + key)
                == .malformed
        )
        #expect(
            installation.outcome(Array(repeating: UInt8(ascii: "l"), count: extra)) == .malformed
        )
    }

    @Test func `bytes that are not ASCII are malformed`() {
        for byte in UInt8(0x80)...UInt8.max {
            #expect(installation.outcome(Array(repeating: byte, count: key.count)) == .malformed)
            #expect(
                installation.outcome(resealed(Array(repeating: byte, count: key.count)))
                    == .malformed
            )
        }
        #expect(installation.outcome(Array(repeating: 0, count: key.count)) == .malformed)
    }

    @Test(arguments: ["xk", "l", "lk_live", "lk_test", "Lk", "lkk"])
    func `a key with another prefix is malformed`(prefix: String) {
        let text = Array(prefix.utf8) + key.dropFirst(2)
        #expect(installation.outcome(text) == .malformed)
        #expect(installation.outcome(resealed(text)) == .malformed)
    }

    @Test func `a key of another environment is malformed`() throws {
        let live = try Installation(prefix: "acme_live")
        let test = try Installation(prefix: "acme_test")
        let key = live.mintText(for: "acme")
        #expect(live.outcome(key).isIssued)
        #expect(test.outcome(key) == .malformed)
    }

    @Test func `a key of another pepper is forged`() throws {
        let other = try Installation(pepperFile: String(repeating: "0b", count: 32))
        #expect(other.outcome(key) == .forged)
        #expect(installation.outcome(other.mintText(for: "acme")) == .forged)
    }

    @Test func `parts of two issued keys do not make a third`() {
        let other = installation.mintText(for: "umbrella")
        for cut in [layout.secretStart, layout.tagStart] {
            let mixed = Array(key[..<cut]) + other[cut...]
            #expect(installation.outcome(mixed) == .malformed)
            #expect(installation.outcome(resealed(mixed)) == .forged)
        }
    }

    @Test func `verifying a text does not affect the next one`() {
        let expected = installation.outcome(key)
        for _ in 0..<100 {
            #expect(installation.outcome("lk_") == .malformed)
            #expect(installation.outcome(resealed(key.reversed())) == .malformed)
            #expect(installation.outcome(key) == expected)
        }
    }
}

import TestSupport
import Testing

@testable import KeyFormat

struct KeyMintTests {
    @Test(arguments: ["lk", "acme_live", "a1_test", "abcdefghijkl_live"])
    func `a new key is issued to its organization`(prefix: String) throws {
        let installation = try Installation(prefix: prefix)
        let locator = Locator(organization: "acme".utf8)
        let minted = installation.mint.mint(for: locator)
        guard
            case .issued(let key) = minted.text.withSpan({ installation.verifier.verdict(on: $0) })
        else {
            Issue.record("the minted key is refused")
            return
        }
        #expect(key.locator == locator)
        #expect(key.verifier == minted.verifier)
    }

    @Test func `keys of an organization share the prefix and the locator only`() throws {
        let installation = try Installation()
        let text = String(decoding: installation.mintText(for: "acme"), as: UTF8.self)
        let parts = text.split(separator: "_", omittingEmptySubsequences: false)
        #expect(parts.count == 3)
        #expect(parts[0] == "lk")
        #expect(parts[1] == Locator(organization: "acme".utf8).description)
        #expect(parts[2].count == 46)
        #expect(parts[2].allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) })
    }

    @Test func `no two keys are the same`() throws {
        let installation = try Installation()
        let keys = (0..<1000).map { _ in installation.mintText(for: "acme") }
        #expect(Set(keys).count == keys.count)
    }

    @Test func `every digit occurs at every position of a secret about equally often`() throws {
        let installation = try Installation()
        let keys = (0..<6200).map { _ in installation.mintText(for: "acme") }
        for place in 18..<50 {
            var occurrences: [UInt8: Int] = [:]
            for key in keys { occurrences[key[place], default: 0] += 1 }
            #expect(occurrences.count == 62)
            // 100 are expected, with a standard deviation of 10: a tenfold one never happens.
            #expect(occurrences.values.allSatisfy { $0 < 200 })
        }
    }

    @Test func `the secret comes from the given generator`() throws {
        let installation = try Installation()
        let locator = Locator(organization: "acme".utf8)
        func key(seed: UInt64) -> [UInt8] {
            var generator = SplitMix64(seed: seed)
            return installation.mint.mint(for: locator, using: &generator).text.bytes
        }
        #expect(key(seed: 1) == key(seed: 1))
        #expect(key(seed: 1) != key(seed: 2))
    }

    @Test func `organizations have different locators`() {
        let locators = Set((0..<10_000).map { Locator(organization: "org-\($0)".utf8) })
        #expect(locators.count == 10_000)
    }

    @Test func `a verifier contains neither the tag nor the checksum`() throws {
        let installation = try Installation()
        let minted = installation.mint.mint(for: Locator(organization: "acme".utf8))
        let verifier = String(decoding: minted.verifier.hexadecimal, as: UTF8.self)
        let key = String(decoding: minted.text.bytes, as: UTF8.self)
        #expect(verifier.count == 48)
        #expect(!key.contains(verifier))
        #expect(!verifier.contains(key.suffix(14).prefix(8)))
    }
}

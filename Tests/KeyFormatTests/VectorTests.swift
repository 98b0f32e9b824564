import Testing

@testable import KeyFormat

/// Compares the key format with an independent implementation.
struct VectorTests {
    @Test func `locators match the vectors`() throws {
        for vector in try Vectors.load().locators {
            #expect(Locator(organization: vector.organization.utf8).description == vector.locator)
        }
    }

    @Test(arguments: try Vectors.load().keys)
    func `a valid key has its locator and verifier`(_ vector: Vectors.KeyVector) throws {
        let installation = try Installation(prefix: vector.prefix, pepperFile: vector.pepper)
        let expected = Outcome.issued(locator: vector.locator, verifier: vector.verifier)
        #expect(installation.outcome(vector.key) == expected)
        #expect(Locator(organization: vector.organization.utf8).description == vector.locator)
    }

    @Test(arguments: try Vectors.load().keys)
    func `the mint makes the same key and verifier of a secret`(_ vector: Vectors.KeyVector)
        throws
    {
        let installation = try Installation(prefix: vector.prefix, pepperFile: vector.pepper)
        let body = "\(vector.prefix)_\(vector.locator)_\(vector.secret)"
        var text = Array(body.utf8)
        let verifier = installation.mint.seal(&text)
        #expect(String(decoding: text, as: UTF8.self) == body + vector.tag + vector.checksum)
        #expect(String(decoding: text, as: UTF8.self) == vector.key)
        #expect(verifier.hexadecimal == Array(vector.verifier.utf8))
    }

    @Test(arguments: try Vectors.load().invalidKeys)
    func `an invalid key has its verdict`(_ vector: Vectors.InvalidKeyVector) throws {
        let installation = try Installation(prefix: vector.prefix, pepperFile: vector.pepper)
        let expected: Outcome? =
            switch vector.verdict {
            case "malformed": .malformed
            case "forged": .forged
            default: nil
            }
        #expect(installation.outcome(vector.key) == expected)
    }

    @Test func `the vectors cover every list and both verdicts`() throws {
        let vectors = try Vectors.load()
        #expect(vectors.locators.count >= 10)
        #expect(Set(vectors.keys.map(\.prefix)).count >= 4)
        #expect(vectors.invalidKeys.count { $0.verdict == "malformed" } >= 20)
        #expect(vectors.invalidKeys.count { $0.verdict == "forged" } >= 10)
        #expect(vectors.keys.contains { $0.tag.hasPrefix("0") })
        #expect(vectors.keys.contains { $0.checksum.hasPrefix("0") })
    }
}

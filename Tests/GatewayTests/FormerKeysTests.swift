import KeyFormat
import Keyring
import Testing

@testable import Gateway

struct FormerKeysTests {
    private let fingerprinter = Fingerprinter()

    private func fingerprint(_ text: String) -> Fingerprint {
        fingerprinter.fingerprint(of: Array(text.utf8).span)
    }

    private func key(_ name: String) -> VerifiedKey {
        let locator = Locator(organization: Array(name.utf8))
        return VerifiedKey(
            issued: .init(locator: locator, verifier: .none),
            fingerprint: fingerprint(name)
        )
    }

    @Test func `a remembered key is found by its fingerprint, and no other key is`() {
        let keys = FormerKeys(countMax: 1024)
        let names = (0..<100).map { "org-\($0)" }
        for name in names {
            #expect(keys.key(fingerprint(name)) == nil)
            keys.remember(key(name))
            #expect(keys.key(fingerprint(name))?.locator == key(name).locator)
            #expect(keys.key(fingerprint(name + "x")) == nil)
        }
    }

    @Test func `with room for one key, the later one replaces the earlier one`() {
        let keys = FormerKeys(countMax: 1)
        keys.remember(key("acme"))
        keys.remember(key("globex"))
        #expect(keys.key(fingerprint("acme")) == nil)
        #expect(keys.key(fingerprint("globex"))?.locator == key("globex").locator)
    }
}

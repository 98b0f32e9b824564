import KeyFormat
import Testing

@testable import Keyring

struct KeyValidityTests {
    private let now = Example.now
    private let valid = KeyValidity.valid(Example.organization)

    private func standing(_ verifier: Verifier, _ record: KeyRecord?, after span: UInt64 = 0)
        -> KeyValidity
    {
        KeyValidity(of: verifier, in: record, at: now.advanced(byMilliseconds: span))
    }

    @Test func `the active key is valid, any other was revoked`() {
        #expect(standing(Example.first, Example.active) == valid)
        #expect(standing(Example.second, Example.active) == .revoked)
    }

    @Test func `without a key all are revoked`() {
        for record in [nil, Example.registered, Example.revoked] {
            #expect(standing(Example.first, record) == .revoked)
        }
    }

    @Test func `a key is valid up to its expiry, not at it`() {
        #expect(standing(Example.first, Example.active, after: 86_399_999) == valid)
        #expect(standing(Example.first, Example.active, after: 86_400_000) == .expired)
        #expect(standing(Example.first, Example.active, after: .max) == .expired)
    }

    @Test func `a key without expiry stays valid`() {
        #expect(standing(Example.second, Example.replaced, after: .max) == valid)
    }

    @Test func `the key before is valid while it goes on, then revoked`() {
        #expect(standing(Example.second, Example.replaced) == valid)
        #expect(standing(Example.first, Example.replaced) == valid)
        #expect(standing(Example.first, Example.replaced, after: 599_999) == valid)
        #expect(standing(Example.first, Example.replaced, after: 600_000) == .revoked)
    }

    @Test func `without grace the key before is revoked at once`() {
        let record = Example.active.replacingKey(
            with: Example.key(Example.second),
            graceMilliseconds: 0
        )
        #expect(record.previous == nil)
        #expect(standing(Example.first, record) == .revoked)
    }

    @Test func `grace does not lengthen a key's life`() {
        let record = Example.active.replacingKey(
            with: Example.key(Example.second),
            graceMilliseconds: .max
        )
        #expect(standing(Example.first, record, after: 86_399_999) == valid)
        #expect(standing(Example.first, record, after: 86_400_000) == .revoked)
    }

    @Test func `only the last key goes on`() {
        let third = Verifier(hexadecimal: Array(String(repeating: "33", count: 24).utf8).span)!
        let record = Example.replaced.replacingKey(
            with: Example.key(third),
            graceMilliseconds: 600_000
        )
        #expect(standing(Example.first, record) == .revoked)
        #expect(standing(Example.second, record) == valid)
        #expect(standing(third, record) == valid)
    }

    @Test func `a revocation ends the key before, too`() {
        let record = Example.replaced.revokingKey(at: now)
        #expect(standing(Example.first, record) == .revoked)
        #expect(standing(Example.second, record) == .revoked)
    }

    @Test func `each change raises the version by one and tells the state`() {
        #expect(Example.registered.version == 1)
        #expect(Example.registered.state == .none)
        #expect(Example.active.version == 2)
        #expect(Example.active.state == .active)
        #expect(Example.replaced.version == 3)
        #expect(Example.revoked.version == 3)
        #expect(Example.revoked.state == .revoked)
        let renewed = Example.revoked.replacingKey(
            with: Example.key(Example.second),
            graceMilliseconds: 600_000
        )
        #expect(renewed.state == .active)
        #expect(renewed.revokedAt == nil)
        #expect(renewed.previous == nil)
    }
}

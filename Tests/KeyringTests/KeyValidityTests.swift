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

    @Test func `the active key is valid, any other is revoked`() {
        #expect(standing(Example.first, Example.active) == valid)
        #expect(standing(Example.second, Example.active) == .revoked)
    }

    @Test func `without a key in the record every key is revoked`() {
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

    @Test func `the previous key is valid during its grace, then revoked`() {
        #expect(standing(Example.second, Example.replaced) == valid)
        #expect(standing(Example.first, Example.replaced) == valid)
        #expect(standing(Example.first, Example.replaced, after: 599_999) == valid)
        #expect(standing(Example.first, Example.replaced, after: 600_000) == .revoked)
    }

    @Test func `without grace the previous key is revoked at once`() {
        let record = Example.active.replacingKey(
            with: Example.key(Example.second),
            graceMilliseconds: 0
        )
        #expect(record.previous == nil)
        #expect(standing(Example.first, record) == .revoked)
    }

    @Test func `grace does not extend the expiry of a key`() {
        let record = Example.active.replacingKey(
            with: Example.key(Example.second),
            graceMilliseconds: .max
        )
        #expect(standing(Example.first, record, after: 86_399_999) == valid)
        #expect(standing(Example.first, record, after: 86_400_000) == .revoked)
    }

    @Test func `only the last key stays valid`() {
        let third = Verifier(hexadecimal: Array(String(repeating: "33", count: 24).utf8).span)!
        let record = Example.replaced.replacingKey(
            with: Example.key(third),
            graceMilliseconds: 600_000
        )
        #expect(standing(Example.first, record) == .revoked)
        #expect(standing(Example.second, record) == valid)
        #expect(standing(third, record) == valid)
    }

    @Test func `a revocation also revokes the previous key`() {
        let record = Example.replaced.revokingKey(at: now)
        #expect(standing(Example.first, record) == .revoked)
        #expect(standing(Example.second, record) == .revoked)
    }

    @Test func `each change increments the version and sets the state`() {
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

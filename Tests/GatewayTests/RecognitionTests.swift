import KeyFormat
import Keyring
import Testing

@testable import Gateway

/// A verified key is recognized from then on, with the same decision.
struct RecognitionTests {
    private let driver: GateDriver

    init() throws {
        driver = try GateDriver.leased()
    }

    /// The decision by the cache; the record is read first if it is not cached.
    private func decision(_ key: [UInt8]) -> Decision? {
        let admission = driver.check(key, request: 1)
        guard admission.ticket != 0 else { return admission.decision }
        driver.serve()
        _ = driver.answers()
        return driver.check(key, request: 1).decision
    }

    private func result(_ key: [UInt8]) -> Decision.Result? { decision(key)?.result }

    @Test(arguments: [
        "a", String(repeating: "x", count: 47), String(repeating: "y", count: 48),
        String(repeating: "z", count: 64),
    ])
    func `a key is allowed in the same way each time`(name: String) throws {
        let key = driver.generate(name, expiresIn: 60_000)
        let first = try #require(decision(key))
        #expect(first.result == .allowed)
        #expect(first.source == .cache)
        #expect(first.organization == Organization(name))
        #expect(first.locator == Organization(name)?.locator)
        #expect(first.streamKey?.until == driver.now.unix.advanced(byMilliseconds: 60_000))
        for _ in 0..<3 {
            let next = try #require(decision(key))
            #expect(next.result == first.result)
            #expect(next.source == first.source)
            #expect(next.organization == first.organization)
            #expect(next.locator == first.locator)
            #expect(next.streamKey == first.streamKey)
        }
    }

    @Test func `a text that differs in one bit from an active or a former key is no key`() {
        let earlier = driver.generate("acme")
        let active = driver.generate("acme")
        for (key, expected) in [(active, Decision.Result.allowed), (earlier, .revoked)] {
            for _ in 0..<3 { #expect(result(key) == expected) }
            for index in key.indices {
                for bit in 0..<8 {
                    var altered = key
                    altered[index] ^= 1 << UInt8(bit)
                    let result = driver.check(altered, request: 1).decision?.result
                    #expect(result == .malformed || result == .forged)
                }
            }
            #expect(driver.check(Array(key.dropLast()), request: 1).decision?.result == .malformed)
            #expect(driver.check(key + [65], request: 1).decision?.result == .malformed)
            #expect(result(key) == expected)
        }
    }

    @Test func `a key that was replaced or revoked is no longer recognized`() {
        let first = driver.generate("acme")
        #expect(result(first) == .allowed)
        let second = driver.generate("acme")
        driver.sendInvalidation("acme")
        #expect(result(first) == .revoked)
        #expect(result(second) == .allowed)
        #expect(result(first) == .revoked)
        #expect(result(second) == .allowed)
        for _ in 0..<3 { #expect(decision(first)?.locator == Organization("acme")?.locator) }
        driver.revoke("acme")
        driver.sendInvalidation("acme")
        #expect(result(second) == .revoked)
        #expect(result(first) == .revoked)
    }

    @Test func `a recognized key expires on time`() {
        let key = driver.generate("acme", expiresIn: 500)
        #expect(result(key) == .allowed)
        driver.beat(times: 1)
        #expect(result(key) == .allowed)
        driver.beat(times: 1)
        #expect(result(key) == .expired)
    }

    @Test func `the previous key stays valid beside the recognized one, and ends on time`() {
        let first = driver.generate("acme")
        #expect(result(first) == .allowed)
        let second = driver.generate("acme", graceMilliseconds: 500)
        driver.sendInvalidation("acme")
        for _ in 0..<3 {
            #expect(result(first) == .allowed)
            #expect(result(second) == .allowed)
        }
        driver.beat(times: 2)
        #expect(result(first) == .revoked)
        #expect(result(second) == .allowed)
        #expect(result(first) == .revoked)
    }

    @Test func `a key is not recognized without a lease`() {
        let key = driver.generate("acme")
        #expect(result(key) == .allowed)
        #expect(result(key) == .allowed)
        driver.tick(afterMilliseconds: 60_000)
        #expect(driver.check(key, request: 1).decision?.result != .allowed)
    }
}

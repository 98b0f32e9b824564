import KeyFormat
import Keyring
import Testing

@testable import Gateway

/// A strict gatekeeper reads only the stamp of a cached record: it shows whether the record changed.
struct StampTests {
    private let driver: GateDriver

    init() throws {
        driver = try GateDriver("latchkey_consistency strict;", sendsInvalidations: true)
        driver.connect()
        driver.connect(GateDriver.invalidation)
        driver.beat()
    }

    /// Checks a key. Returns the result and the number of fields of each read.
    private func check(_ key: [UInt8]) -> (result: Decision.Result?, fieldCounts: [Int]) {
        guard driver.check(key, request: 1).ticket != 0 else { return (nil, []) }
        var fieldCounts: [Int] = []
        for _ in 0..<3 {
            let reads = driver.turn().commands.filter { $0[0] == "HMGET" }
            fieldCounts += reads.map { $0.count - 2 }
            driver.received(driver.store.answer(reads))
        }
        return (driver.results()[1], fieldCounts)
    }

    @Test func `a record is read whole once, and by its stamp from then on`() {
        let key = driver.generate("acme")
        let first = check(key)
        #expect(first.result == .allowed)
        #expect(first.fieldCounts == [12])
        for _ in 0..<3 {
            let next = check(key)
            #expect(next.result == .allowed)
            #expect(next.fieldCounts == [2])
        }
    }

    @Test func `a record whose stamp changed is read whole, and decides`() {
        let first = driver.generate("acme")
        #expect(check(first).result == .allowed)
        let second = driver.generate("acme")
        let afterChange = check(first)
        #expect(afterChange.result == .revoked)
        #expect(afterChange.fieldCounts == [2, 12])
        #expect(check(second).result == .allowed)
        #expect(check(first).result == .revoked)
    }

    @Test func `a record that is revoked or gone is read whole and allows no key`() {
        let key = driver.generate("acme")
        #expect(check(key).result == .allowed)
        driver.revoke("acme")
        #expect(check(key).result == .revoked)
        let other = driver.generate("umbrella")
        #expect(check(other).result == .allowed)
        driver.store.alter(Organization("umbrella")!, "state", nil)
        driver.store.alter(Organization("umbrella")!, "mac", nil)
        #expect(check(other).result != .allowed)
    }

    @Test func `an invalidated record is read whole at once`() {
        let key = driver.generate("acme")
        #expect(check(key).result == .allowed)
        driver.sendInvalidation("acme")
        #expect(check(key).fieldCounts == [12])
        #expect(check(key).fieldCounts == [2])
    }

    @Test func `a record is read whole after an answer that is no stamp`() {
        let key = driver.generate("acme")
        #expect(check(key).result == .allowed)
        for strange in [
            "$-1\r\n", "*0\r\n", "*2\r\n:1\r\n:2\r\n", "*2\r\n$-1\r\n$-1\r\n", "-ERR no\r\n",
        ] {
            #expect(driver.check(key, request: 1).ticket != 0)
            #expect(driver.turn().commands.contains { $0[0] == "HMGET" })
            driver.received(strange)
            let reads = driver.turn().commands.filter { $0[0] == "HMGET" }
            #expect(reads.map { $0.count - 2 } == [12])
            driver.received(driver.store.answer(reads))
            #expect(driver.results() == [1: .allowed])
        }
    }

    @Test func `a field that was altered under a proven seal changes nothing`() {
        let key = driver.generate("acme")
        #expect(check(key).result == .allowed)
        driver.store.alter(Organization("acme")!, "verifier", String(repeating: "0", count: 48))
        #expect(check(key).result == .allowed)
        driver.store.alter(Organization("acme")!, "state", "revoked")
        #expect(check(key).result == .revoked)
    }

    @Test func `a key expires on time, by its stamp alone`() {
        let key = driver.generate("acme", expiresIn: 500)
        #expect(check(key).result == .allowed)
        driver.advance(milliseconds: 400)
        #expect(check(key).result == .allowed)
        driver.advance(milliseconds: 100)
        let expired = check(key)
        #expect(expired.result == .expired)
        #expect(expired.fieldCounts == [2])
    }

    @Test func `under a lease records are read whole`() throws {
        let driver = try GateDriver.leased()
        let key = driver.generate("acme")
        for _ in 0..<3 {
            #expect(driver.check(key, request: 1).ticket != 0)
            let turn = driver.turn()
            #expect(turn.commands.filter { $0[0] == "HMGET" }.map { $0.count - 2 } == [12])
            driver.received(driver.store.answer(turn.commands))
            #expect(driver.results() == [1: .allowed])
            driver.sendInvalidation("acme")
        }
    }
}

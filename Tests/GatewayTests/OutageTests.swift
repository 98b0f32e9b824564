import KeyFormat
import Keyring
import RedisClient
import Testing

@testable import Gateway

/// How a gatekeeper decides by its cache while it cannot reach the store.
struct OutageTests {
    private func cutOff(_ driver: GateDriver) {
        driver.gatekeeper.linkClosed(GateDriver.data, at: driver.now)
        driver.gatekeeper.linkClosed(GateDriver.invalidation, at: driver.now)
    }

    /// Lets time pass while all connections are refused.
    private func advance(_ driver: GateDriver, milliseconds: UInt64) {
        for _ in 0..<milliseconds {
            driver.tick(afterMilliseconds: 1)
            let turn = driver.turn()
            if !turn.opened.isEmpty {
                driver.gatekeeper.linkClosed(GateDriver.data, at: driver.now)
            }
            if turn.invalidationOpened > 0 {
                driver.gatekeeper.linkClosed(GateDriver.invalidation, at: driver.now)
            }
        }
        _ = driver.answers()
    }

    private func decision(_ driver: GateDriver, _ key: [UInt8]) -> Decision? {
        let check = driver.check(key, request: 1)
        driver.gatekeeper.cancel(ticket: check.ticket)
        return check.decision
    }

    @Test
    func `cached keys are allowed for the rest of the lease, then for the grace, then refused`()
        throws
    {
        let driver = try GateDriver.leased("latchkey_outage_grace 3s;")
        let key = driver.generate("acme")
        let uncached = driver.generate("umbrella")
        #expect(driver.result(key) == .allowed)
        cutOff(driver)
        advance(driver, milliseconds: 990)
        #expect(decision(driver, key)?.result == .allowed)
        #expect(decision(driver, key)?.source == .cache)
        #expect(decision(driver, uncached)?.result ?? .unavailable == .unavailable)
        advance(driver, milliseconds: 100)
        #expect(decision(driver, key)?.result == .allowed)
        #expect(decision(driver, key)?.source == .grace)
        advance(driver, milliseconds: 2920)
        for key in [key, uncached] {
            #expect(decision(driver, key)?.result ?? .unavailable == .unavailable)
        }
    }

    @Test func `without a grace, no key is allowed after the lease`() throws {
        let driver = try GateDriver.leased()
        let key = driver.generate("acme")
        #expect(driver.result(key) == .allowed)
        cutOff(driver)
        advance(driver, milliseconds: 990)
        #expect(decision(driver, key)?.source == .cache)
        advance(driver, milliseconds: 20)
        #expect(decision(driver, key)?.result ?? .unavailable == .unavailable)
    }

    @Test func `a strict gatekeeper allows cached keys for its grace alone`() throws {
        let driver = try GateDriver.leased("latchkey_consistency strict; latchkey_outage_grace 1s;")
        let key = driver.generate("acme")
        #expect(driver.result(key) == .allowed)
        #expect(decision(driver, key) == nil)
        cutOff(driver)
        #expect(decision(driver, key)?.source == .grace)
        advance(driver, milliseconds: 1010)
        #expect(decision(driver, key)?.result ?? .unavailable == .unavailable)
    }

    @Test func `a check that the store does not answer is decided by the cache`() throws {
        let driver = try GateDriver.leased("latchkey_lease 100ms; latchkey_outage_grace 3s;")
        let key = driver.generate("acme")
        #expect(driver.result(key) == .allowed)
        driver.advance(milliseconds: 100)
        driver.check(key, request: 1)
        _ = driver.turn()
        driver.tick(afterMilliseconds: 500)
        let decision = try #require(driver.answers().first?.decision)
        #expect(decision.result == .allowed)
        #expect(decision.source == .grace)
    }

    @Test func `a change that was invalidated before the outage counts during it`() throws {
        let driver = try GateDriver.leased("latchkey_outage_grace 3s;")
        let key = driver.generate("acme")
        #expect(driver.result(key) == .allowed)
        driver.revoke("acme")
        driver.sendInvalidation("acme")
        cutOff(driver)
        advance(driver, milliseconds: 100)
        #expect(decision(driver, key)?.result ?? .unavailable == .unavailable)
    }

    @Test func `a change that was read without invalidations counts in the outage that follows`()
        throws
    {
        let driver = try GateDriver.leased("latchkey_outage_grace 3s;")
        let key = driver.generate("acme")
        #expect(driver.result(key) == .allowed)
        driver.gatekeeper.linkClosed(GateDriver.invalidation, at: driver.now)
        driver.revoke("acme")
        #expect(driver.result(key) == .revoked)
        cutOff(driver)
        advance(driver, milliseconds: 100)
        #expect(decision(driver, key)?.result ?? .unavailable == .unavailable)
    }

    @Test func `a cached record never refuses a key during an outage`() throws {
        let driver = try GateDriver.leased("latchkey_outage_grace 3s;")
        let replaced = driver.generate("acme")
        let key = driver.generate("acme", expiresIn: 500)
        #expect(driver.result(key) == .allowed)
        #expect(driver.result(replaced) == .revoked)
        cutOff(driver)
        let next = driver.generate("acme")
        for milliseconds in [0, 400, 200, 900] as [UInt64] {
            advance(driver, milliseconds: milliseconds)
            for key in [replaced, next] {
                #expect(decision(driver, key)?.result ?? .unavailable == .unavailable)
            }
            #expect(decision(driver, key)?.result != .expired)
            #expect(decision(driver, key)?.result != .revoked)
        }
        advance(driver, milliseconds: 100)
        #expect(decision(driver, key)?.result ?? .unavailable == .unavailable)
        driver.tick(afterMilliseconds: 1000)
        #expect(driver.store.counts.isEmpty)
    }

    @Test func `a check that the store does not answer is not refused by a stale record`() throws {
        let driver = try GateDriver.leased("latchkey_lease 100ms; latchkey_outage_grace 3s;")
        let replaced = driver.generate("acme")
        let key = driver.generate("acme")
        #expect(driver.result(key) == .allowed)
        driver.advance(milliseconds: 150)
        driver.check(replaced, request: 1)
        driver.check(key, request: 2)
        _ = driver.turn()
        for _ in 0..<6 {
            driver.tick(afterMilliseconds: 100)
            _ = driver.turn()
        }
        #expect(driver.results() == [1: .unavailable, 2: .allowed])
    }

    @Test func `after the outage the store decides again`() throws {
        let driver = try GateDriver.leased("latchkey_outage_grace 3s;")
        let key = driver.generate("acme")
        #expect(driver.result(key) == .allowed)
        cutOff(driver)
        driver.revoke("acme")
        driver.connect(GateDriver.data)
        driver.connect(GateDriver.invalidation)
        driver.beat()
        #expect(driver.result(key) == .revoked)
    }
}

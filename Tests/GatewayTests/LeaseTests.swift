import KeyFormat
import Keyring
import RedisClient
import Testing

@testable import Gateway

/// A gatekeeper that decides by its cache while it receives invalidations.
struct LeaseTests {
    private let driver: GateDriver
    private let key: [UInt8]

    init() throws {
        driver = try GateDriver.leased()
        key = driver.generate("acme")
        #expect(driver.result(key) == .allowed)
    }

    /// The decision of a check that needs no read.
    private func cachedDecision(_ key: [UInt8]) -> Decision? {
        let check = driver.check(key, request: 1)
        driver.gatekeeper.cancel(ticket: check.ticket)
        return check.decision
    }

    @Test func `a key is cached once its record was read`() throws {
        let decision = try #require(cachedDecision(key))
        #expect(decision.result == .allowed)
        #expect(decision.source == .cache)
        #expect(decision.organization == Organization("acme"))
        #expect(decision.locator == Organization("acme")?.locator)
        #expect(driver.turn().isEmpty)
    }

    @Test func `a revoked key is refused once the invalidation arrives`() {
        driver.revoke("acme")
        #expect(cachedDecision(key)?.result == .allowed)
        driver.sendInvalidation("acme")
        #expect(cachedDecision(key) == nil)
        #expect(driver.result(key) == .revoked)
        #expect(cachedDecision(key)?.result == .revoked)
        #expect(cachedDecision(key)?.source == .cache)
    }

    @Test func `an invalidation of one organization leaves others cached`() {
        let other = driver.generate("umbrella")
        #expect(driver.result(other) == .allowed)
        driver.sendInvalidation("acme")
        #expect(cachedDecision(key) == nil)
        #expect(cachedDecision(other)?.result == .allowed)
    }

    @Test func `a replaced key and its successor are cached together until the grace ends`() {
        let next = driver.generate("acme", graceMilliseconds: 500)
        driver.sendInvalidation("acme")
        #expect(driver.result(next) == .allowed)
        #expect(cachedDecision(key)?.result == .allowed)
        #expect(cachedDecision(next)?.result == .allowed)
        driver.advance(milliseconds: 500)
        #expect(cachedDecision(key)?.result == .revoked)
        #expect(cachedDecision(next)?.result == .allowed)
    }

    @Test func `a cached key expires on time`() {
        let key = driver.generate("umbrella", expiresIn: 300)
        #expect(driver.result(key) == .allowed)
        driver.advance(milliseconds: 299)
        #expect(cachedDecision(key)?.result == .allowed)
        driver.advance(milliseconds: 1)
        #expect(cachedDecision(key)?.result == .expired)
    }

    @Test func `cached records decide for one lease from the last heartbeat but one`() {
        driver.tick(afterMilliseconds: 250)
        let turn = driver.turn()
        #expect(turn.invalidation.count == 1 && turn.commands.count == 1)
        driver.advance(milliseconds: 600)
        driver.received(driver.store.answer(turn.commands))
        driver.received(
            driver.store.answer(turn.invalidation, isSubscriber: true),
            link: GateDriver.invalidation
        )
        driver.advance(milliseconds: 149)
        #expect(cachedDecision(key)?.result == .allowed)
        driver.advance(milliseconds: 1)
        #expect(cachedDecision(key) == nil)
    }

    @Test func `an answer proves what the one before it said, and no more`() {
        driver.tick(afterMilliseconds: 250)
        let first = driver.turn()
        driver.received(driver.store.answer(first.commands))
        driver.tick(afterMilliseconds: 250)
        let second = driver.turn()
        driver.received(driver.store.answer(second.commands))
        for turn in [first, second] {
            driver.received(
                driver.store.answer(turn.invalidation, isSubscriber: true),
                link: GateDriver.invalidation
            )
        }
        // Neither question was asked after the answer to the other.
        driver.advance(milliseconds: 499)
        #expect(cachedDecision(key)?.result == .allowed)
        driver.advance(milliseconds: 1)
        #expect(cachedDecision(key) == nil)
    }

    @Test func `a store that cannot save its data refuses PING, and that is an answer`() {
        for _ in 0..<8 {
            driver.tick(afterMilliseconds: 250)
            let turn = driver.turn()
            driver.received(driver.store.answer(turn.commands))
            for _ in turn.invalidation {
                driver.received("-MISCONF Redis is configured\r\n", link: GateDriver.invalidation)
            }
        }
        #expect(cachedDecision(key)?.result == .allowed)
    }

    @Test(arguments: [true, false])
    func `one of the two answers does not renew the lease`(isPingAnswered: Bool) {
        driver.tick(afterMilliseconds: 250)
        let turn = driver.turn()
        if isPingAnswered {
            driver.received(
                driver.store.answer(turn.invalidation, isSubscriber: true),
                link: GateDriver.invalidation
            )
        } else {
            driver.received(driver.store.answer(turn.commands))
        }
        driver.advance(milliseconds: 749)
        #expect(cachedDecision(key)?.result == .allowed)
        driver.advance(milliseconds: 1)
        #expect(cachedDecision(key) == nil)
    }

    @Test func `heartbeats renew the lease without end`() {
        for _ in 0..<100 {
            driver.tick(afterMilliseconds: 250)
            driver.serve()
            #expect(cachedDecision(key)?.result == .allowed)
        }
    }

    @Test func `a gatekeeper asks to be called again for its next heartbeat`() {
        #expect(driver.tick() <= driver.now.monotonic.advanced(byMilliseconds: 250))
    }

    @Test func `an answer to another heartbeat ends the connection`() {
        driver.tick(afterMilliseconds: 250)
        _ = driver.turn()
        driver.received(TestStore.texts(["pong", "17"]), link: GateDriver.invalidation)
        #expect(driver.turn().invalidationClosed == 1)
        #expect(cachedDecision(key) == nil)
    }

    @Test func `an error in place of an answer renews nothing`() {
        for _ in 0..<4 {
            driver.tick(afterMilliseconds: 250)
            let turn = driver.turn()
            driver.received(driver.store.answer(turn.commands))
            driver.received("-LOADING Redis is loading\r\n", link: GateDriver.invalidation)
        }
        #expect(cachedDecision(key) == nil)
        #expect(driver.turn().invalidationClosed == 0)
    }

    @Test func `a reply that raced with an invalidation is used and not cached`() {
        driver.sendInvalidation("acme")
        driver.check(key, request: 1)
        let answer = driver.store.answer(driver.turn().commands)
        driver.revoke("acme")
        driver.sendInvalidation("acme")
        driver.received(answer)
        #expect(driver.results() == [1: .allowed])
        #expect(cachedDecision(key) == nil)
        #expect(driver.result(key) == .revoked)
    }

    @Test func `of two reads in flight, the last one is cached`() {
        driver.sendInvalidation("acme")
        driver.check(key, request: 1)
        let first = driver.turn()
        driver.check(key, request: 2)
        let second = driver.turn()
        driver.received(driver.store.answer(first.commands))
        #expect(cachedDecision(key) == nil)
        driver.received(driver.store.answer(second.commands))
        #expect(cachedDecision(key)?.result == .allowed)
    }

    @Test func `every check reads the store after invalidations are lost, and after they return`() {
        driver.gatekeeper.linkClosed(GateDriver.invalidation, at: driver.now)
        #expect(cachedDecision(key) == nil)
        #expect(driver.result(key) == .allowed)
        #expect(cachedDecision(key) == nil)
        driver.connect(GateDriver.invalidation)
        #expect(cachedDecision(key) == nil)
        driver.beat()
        #expect(driver.result(key) == .allowed)
        #expect(cachedDecision(key)?.result == .allowed)
    }

    @Test func `a reply to a read from before invalidations returned is not cached`() {
        driver.gatekeeper.linkClosed(GateDriver.invalidation, at: driver.now)
        driver.check(key, request: 1)
        let answer = driver.store.answer(driver.turn().commands)
        driver.connect(GateDriver.invalidation)
        driver.received(answer)
        driver.beat()
        #expect(driver.results() == [1: .allowed])
        #expect(cachedDecision(key) == nil)
    }

    @Test(arguments: ["*-1\r\n", "$-1\r\n"])
    func `an invalidation of all keys empties the cache and makes the worker join again`(
        content: String
    )
        throws
    {
        driver.received(
            TestStore.message("__redis__:invalidate", content),
            link: GateDriver.invalidation
        )
        #expect(cachedDecision(key) == nil)
        driver.tick()
        let turn = driver.turn()
        #expect(turn.commands.map { $0[..<2] } == [["HGET", TestStore.list]])
        driver.received(driver.store.answer(turn.commands))
        driver.beat()
        #expect(driver.result(key) == .allowed)
        #expect(cachedDecision(key)?.result == .allowed)
    }

    @Test func `invalidations of keys that are not records are ignored`() {
        for name in ["latchkey:record:{}", "x", "latchkey:record:{R7MHCgA7bVut-6}"] {
            driver.received(
                TestStore.message("__redis__:invalidate", TestStore.texts([name])),
                link: GateDriver.invalidation
            )
        }
        #expect(cachedDecision(key)?.result == .allowed)
    }

    @Test func `revoked keys are cached as such and cause no reads`() {
        driver.revoke("acme")
        driver.sendInvalidation("acme")
        #expect(driver.result(key) == .revoked)
        for _ in 0..<100 { #expect(cachedDecision(key)?.result == .revoked) }
        #expect(driver.turn().isEmpty)
    }

    @Test func `a record whose seal is wrong is never cached`() {
        driver.store.alter(Organization("acme")!, "mac", "0")
        driver.sendInvalidation("acme")
        #expect(driver.result(key) == .unavailable)
        #expect(cachedDecision(key) == nil)
    }

    @Test func `an earlier record that was put back is refused with a clear log line`() {
        let earlier = driver.store
        driver.revoke("acme")
        driver.sendInvalidation("acme")
        #expect(driver.result(key) == .revoked)
        _ = driver.logLines()
        driver.store = earlier
        driver.sendInvalidation("acme")
        #expect(driver.result(key) == .unavailable)
        #expect(driver.logLines().contains { $0.text.contains("older than a version seen before") })
        #expect(cachedDecision(key) == nil)
    }

    @Test func `an unauthenticated version is not remembered`() {
        driver.revoke("acme")
        driver.store.alter(Organization("acme")!, "version", "9000000")
        driver.sendInvalidation("acme")
        #expect(driver.result(key) == .revoked)
        driver.store.alter(Organization("acme")!, "version", "3")
        let next = driver.generate("acme")
        driver.sendInvalidation("acme")
        #expect(driver.result(next) == .allowed)
    }
}

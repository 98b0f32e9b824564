import KeyFormat
import Keyring
import RedisClient
import Testing

@testable import Gateway

/// A gatekeeper that decides by what it knows, while it hears from the store.
struct LeaseTests {
    private let driver: GateDriver
    private let key: [UInt8]

    init() throws {
        driver = try GateDriver.leased()
        key = driver.generate("acme")
        #expect(driver.result(key) == .allowed)
    }

    /// The decision of a check that the store is not asked for.
    private func known(_ key: [UInt8]) -> Decision? {
        let check = driver.check(key, request: 1)
        driver.gatekeeper.cancel(ticket: check.ticket)
        return check.decision
    }

    @Test func `a key that was read once is known`() throws {
        let decision = try #require(known(key))
        #expect(decision.result == .allowed)
        #expect(decision.source == .cache)
        #expect(decision.organization == Organization("acme"))
        #expect(decision.locator == Organization("acme")?.locator)
        #expect(driver.turn().isEmpty)
    }

    @Test func `a revoked key is refused once the change is told`() {
        driver.revoke("acme")
        #expect(known(key)?.result == .allowed)
        driver.sendInvalidation("acme")
        #expect(known(key) == nil)
        #expect(driver.result(key) == .revoked)
        #expect(known(key)?.result == .revoked)
        #expect(known(key)?.source == .cache)
    }

    @Test func `a change of one organization leaves others known`() {
        let other = driver.generate("umbrella")
        #expect(driver.result(other) == .allowed)
        driver.sendInvalidation("acme")
        #expect(known(key) == nil)
        #expect(known(other)?.result == .allowed)
    }

    @Test func `a replaced key is refused, its successor and the one before are known together`() {
        let next = driver.generate("acme", graceMilliseconds: 500)
        driver.sendInvalidation("acme")
        #expect(driver.result(next) == .allowed)
        #expect(known(key)?.result == .allowed)
        #expect(known(next)?.result == .allowed)
        driver.advance(milliseconds: 500)
        #expect(known(key)?.result == .revoked)
        #expect(known(next)?.result == .allowed)
    }

    @Test func `a known key expires by itself`() {
        let key = driver.generate("umbrella", expiresIn: 300)
        #expect(driver.result(key) == .allowed)
        driver.advance(milliseconds: 299)
        #expect(known(key)?.result == .allowed)
        driver.advance(milliseconds: 1)
        #expect(known(key)?.result == .expired)
    }

    @Test
    func `what is known counts for the lease, from the sending of the last answered heartbeat`() {
        driver.tick(afterMilliseconds: 250)
        let turn = driver.turn()
        #expect(turn.invalidation.count == 1 && turn.commands.count == 1)
        driver.advance(milliseconds: 600)
        driver.received(driver.store.answer(turn.commands))
        driver.received(
            driver.store.answer(turn.invalidation, isListening: true),
            link: GateDriver.invalidation
        )
        driver.advance(milliseconds: 399)
        #expect(known(key)?.result == .allowed)
        driver.advance(milliseconds: 1)
        #expect(known(key) == nil)
    }

    @Test(arguments: [true, false])
    func `one answer of the two does not renew the lease`(heard: Bool) {
        driver.tick(afterMilliseconds: 250)
        let turn = driver.turn()
        if heard {
            driver.received(
                driver.store.answer(turn.invalidation, isListening: true),
                link: GateDriver.invalidation
            )
        } else {
            driver.received(driver.store.answer(turn.commands))
        }
        driver.advance(milliseconds: 749)
        #expect(known(key)?.result == .allowed)
        driver.advance(milliseconds: 1)
        #expect(known(key) == nil)
    }

    @Test func `heartbeats keep the lease for ever`() {
        for _ in 0..<100 {
            driver.tick(afterMilliseconds: 250)
            driver.serve()
            #expect(known(key)?.result == .allowed)
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
        #expect(known(key) == nil)
    }

    @Test func `an error in place of an answer renews nothing`() {
        for _ in 0..<4 {
            driver.tick(afterMilliseconds: 250)
            let turn = driver.turn()
            driver.received(driver.store.answer(turn.commands))
            driver.received("-LOADING Redis is loading\r\n", link: GateDriver.invalidation)
        }
        #expect(known(key) == nil)
        #expect(driver.turn().invalidationClosed == 0)
    }

    @Test func `a reply that was overtaken by a change is used and not kept`() {
        driver.sendInvalidation("acme")
        driver.check(key, request: 1)
        let answer = driver.store.answer(driver.turn().commands)
        driver.revoke("acme")
        driver.sendInvalidation("acme")
        driver.received(answer)
        #expect(driver.results() == [1: .allowed])
        #expect(known(key) == nil)
        #expect(driver.result(key) == .revoked)
    }

    @Test func `of two reads under way the last one is kept`() {
        driver.sendInvalidation("acme")
        driver.check(key, request: 1)
        let first = driver.turn()
        driver.check(key, request: 2)
        let second = driver.turn()
        driver.received(driver.store.answer(first.commands))
        #expect(known(key) == nil)
        driver.received(driver.store.answer(second.commands))
        #expect(known(key)?.result == .allowed)
    }

    @Test func `the loss of the news makes every check read the store, and so does their return`() {
        driver.gatekeeper.linkClosed(GateDriver.invalidation, at: driver.now)
        #expect(known(key) == nil)
        #expect(driver.result(key) == .allowed)
        #expect(known(key) == nil)
        driver.connect(GateDriver.invalidation)
        #expect(known(key) == nil)
        driver.beat()
        #expect(driver.result(key) == .allowed)
        #expect(known(key)?.result == .allowed)
    }

    @Test func `what was asked before the news came back is not kept`() {
        driver.gatekeeper.linkClosed(GateDriver.invalidation, at: driver.now)
        driver.check(key, request: 1)
        let answer = driver.store.answer(driver.turn().commands)
        driver.connect(GateDriver.invalidation)
        driver.received(answer)
        driver.beat()
        #expect(driver.results() == [1: .allowed])
        #expect(known(key) == nil)
    }

    @Test(arguments: ["*-1\r\n", "$4\r\nacme\r\n", ":1\r\n"])
    func `when anything may have changed nothing is known, the own entry included`(content: String)
        throws
    {
        driver.received(
            TestStore.message("__redis__:invalidate", content),
            link: GateDriver.invalidation
        )
        #expect(known(key) == nil)
        driver.tick()
        let turn = driver.turn()
        #expect(turn.commands.map { $0[..<2] } == [["HSET", "latchkey:gateways"]])
        driver.received(driver.store.answer(turn.commands))
        #expect(driver.result(key) == .allowed)
        #expect(known(key)?.result == .allowed)
    }

    @Test func `changes of keys that are no records change nothing`() {
        for name in ["latchkey:record:{}", "x", "latchkey:record:{R7MHCgA7bVut-6}"] {
            driver.received(
                TestStore.message("__redis__:invalidate", TestStore.texts([name])),
                link: GateDriver.invalidation
            )
        }
        #expect(known(key)?.result == .allowed)
    }

    @Test func `revoked keys are known as such, and cause no reads`() {
        driver.revoke("acme")
        driver.sendInvalidation("acme")
        #expect(driver.result(key) == .revoked)
        for _ in 0..<100 { #expect(known(key)?.result == .revoked) }
        #expect(driver.turn().isEmpty)
    }

    @Test func `a record that cannot be trusted is never kept`() {
        driver.store.alter(Organization("acme")!, "mac", "0")
        driver.sendInvalidation("acme")
        #expect(driver.result(key) == .unavailable)
        #expect(known(key) == nil)
    }

    @Test func `an earlier record that was put back is refused with a clear line`() {
        let earlier = driver.store
        driver.revoke("acme")
        driver.sendInvalidation("acme")
        #expect(driver.result(key) == .revoked)
        _ = driver.logLines()
        driver.store = earlier
        driver.sendInvalidation("acme")
        #expect(driver.result(key) == .unavailable)
        #expect(driver.logLines().contains { $0.text.contains("older than a version seen before") })
        #expect(known(key) == nil)
    }

    @Test func `a version that nobody sealed is not remembered`() {
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

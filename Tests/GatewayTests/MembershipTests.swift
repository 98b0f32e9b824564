import KeyFormat
import Keyring
import RedisClient
import Testing

@testable import Gateway

/// How a worker joins the membership list, and leaves it.
struct MembershipTests {
    private func cachedDecision(_ driver: GateDriver, _ key: [UInt8]) -> Decision? {
        let check = driver.check(key, request: 1)
        driver.gatekeeper.cancel(ticket: check.ticket)
        return check.decision
    }

    private func joins(_ turn: Turn) -> [[String]] {
        turn.commands.filter { $0[0] == "HSET" && $0[1] == "latchkey:{gateways}" }
    }

    @Test func `a worker joins with its identity, its lease and its grace`() throws {
        let driver = try GateDriver("latchkey_outage_grace 2s;", sendsInvalidations: true)
        driver.connect()
        driver.connect(GateDriver.invalidation)
        driver.tick()
        let join = try #require(joins(driver.turn()).first)
        #expect(join[2] == "000000000000abcd")
        let words = join[3].split(separator: " ").map(String.init)
        for word in ["host=web-1", "pid=4711", "lease=1000", "grace=2000"] {
            #expect(words.contains(word))
        }
    }

    @Test func `a strict worker joins with neither lease nor grace`() throws {
        let driver = try GateDriver("latchkey_consistency strict;", sendsInvalidations: true)
        driver.connect()
        driver.connect(GateDriver.invalidation)
        driver.tick()
        #expect(joins(driver.turn()).first?[3].contains("lease=0 grace=0 ") == true)
    }

    @Test func `a worker does not join before Redis has answered its request for invalidations`()
        throws
    {
        let driver = try GateDriver("", sendsInvalidations: true)
        driver.connect()
        driver.tick()
        #expect(joins(driver.turn()).isEmpty)
    }

    @Test(arguments: ["", "latchkey_consistency strict;"])
    func `a worker that is refused tracking joins without it and caches nothing`(
        directives: String
    ) throws {
        let driver = try GateDriver(directives + "latchkey_outage_grace 2s;")
        driver.connect()
        driver.tick()
        let turn = driver.turn()
        #expect(joins(turn).count == 1)
        #expect(joins(turn).first?[3].contains("tracking=off lease=1000 grace=0 ") == true)
        driver.received(driver.store.answer(turn.commands))
        let key = driver.generate("acme")
        #expect(driver.result(key) == .allowed)
        #expect(cachedDecision(driver, key) == nil)
        driver.gatekeeper.finish(driver.now)
        driver.serve()
        driver.tick()
        #expect(
            driver.turn().commands.contains(["HDEL", "latchkey:{gateways}", "000000000000abcd"])
        )
    }

    @Test func `a member with tracking stays listed until all that it cached has expired`() throws {
        let driver = try GateDriver.leased("latchkey_outage_grace 2s;")
        driver.gatekeeper.linkClosed(GateDriver.invalidation, at: driver.now)
        var written: [String] = []
        for _ in 0..<14 {
            driver.tick(afterMilliseconds: 250)
            let turn = driver.turn()
            if turn.invalidationOpened > 0 {
                driver.gatekeeper.linkClosed(GateDriver.invalidation, at: driver.now)
            }
            written.append(joins(turn).first?[3] ?? "")
            driver.received(driver.store.answer(turn.commands))
        }
        #expect(written.prefix(11).allSatisfy { $0.isEmpty })
        #expect(written[11].contains("tracking=off lease=1000 grace=0"))
    }

    @Test func `membership without tracking makes no cached record trustworthy`() throws {
        let driver = try GateDriver("", sendsInvalidations: true)
        driver.connect()
        driver.tick()
        #expect(driver.turn().invalidationOpened == 0)
        driver.gatekeeper.linkClosed(GateDriver.invalidation, at: driver.now)
        driver.tick()
        let untracked = driver.turn().commands
        #expect(untracked.contains { $0[0] == "HSET" && $0[3].contains("tracking=off") })
        driver.tick(afterMilliseconds: 200)
        _ = driver.turn()
        driver.gatekeeper.linkOpened(GateDriver.invalidation, at: driver.now)
        while case let turn = driver.turn(), !turn.invalidation.isEmpty {
            driver.received(
                driver.store.answer(turn.invalidation, isSubscriber: true),
                link: GateDriver.invalidation
            )
        }
        driver.tick()
        let heartbeats = driver.turn()
        driver.received(
            driver.store.answer(heartbeats.invalidation, isSubscriber: true),
            link: GateDriver.invalidation
        )
        driver.received(driver.store.answer(untracked))
        let key = driver.generate("acme")
        driver.check(key, request: 1)
        let reads = driver.turn().commands
        driver.received(driver.store.answer(heartbeats.commands + reads))
        #expect(driver.results() == [1: .allowed])
        #expect(cachedDecision(driver, key) == nil)
        driver.beat()
        #expect(driver.result(key) == .allowed)
        #expect(cachedDecision(driver, key)?.source == .cache)
    }

    @Test
    func `a worker that regains tracking trusts nothing before its new join is confirmed`()
        throws
    {
        let driver = try GateDriver.leased()
        driver.gatekeeper.linkClosed(GateDriver.invalidation, at: driver.now)
        for round in 0..<100 {
            driver.tick(afterMilliseconds: 250)
            let turn = driver.turn()
            driver.received(driver.store.answer(turn.commands))
            guard turn.invalidationOpened > 0 else { continue }
            if round > 10 { break }
            driver.gatekeeper.linkClosed(GateDriver.invalidation, at: driver.now)
        }
        driver.gatekeeper.linkOpened(GateDriver.invalidation, at: driver.now)
        var held: [[String]] = []
        for _ in 0..<4 {
            driver.tick()
            let turn = driver.turn()
            held += turn.commands
            driver.received(
                driver.store.answer(turn.invalidation, isSubscriber: true),
                link: GateDriver.invalidation
            )
        }
        let key = driver.generate("acme")
        driver.check(key, request: 1)
        held += driver.turn().commands
        driver.received(driver.store.answer(held))
        #expect(driver.results() == [1: .allowed])
        #expect(cachedDecision(driver, key) == nil)
    }

    @Test func `nothing is trusted and nothing cached before the join is confirmed`() throws {
        let driver = try GateDriver("", sendsInvalidations: true)
        driver.connect()
        driver.connect(GateDriver.invalidation)
        let key = driver.generate("acme")
        driver.tick()
        let turn = driver.turn()
        driver.received(
            driver.store.answer(turn.invalidation, isSubscriber: true),
            link: GateDriver.invalidation
        )
        driver.check(key, request: 1)
        let read = driver.turn()
        #expect(read.reads.count == 1)
        driver.received(driver.store.answer(turn.commands + read.commands))
        #expect(driver.results() == [1: .allowed])
        #expect(cachedDecision(driver, key) == nil)
        driver.beat()
        #expect(driver.result(key) == .allowed)
        #expect(cachedDecision(driver, key)?.source == .cache)
    }

    @Test func `a store that refuses the join is read for every check, and the log says so`()
        throws
    {
        let driver = try GateDriver("", sendsInvalidations: true)
        driver.connect()
        driver.connect(GateDriver.invalidation)
        driver.tick()
        let turn = driver.turn()
        driver.received(
            driver.store.answer(turn.invalidation, isSubscriber: true),
            link: GateDriver.invalidation
        )
        driver.received(
            "+OK\r\n-NOPERM No permissions to access a key\r\n+QUEUED\r\n+QUEUED\r\n"
                + "-EXECABORT Transaction discarded because of previous errors.\r\n"
        )
        let key = driver.generate("acme")
        #expect(driver.result(key) == .allowed)
        #expect(cachedDecision(driver, key) == nil)
        let line = driver.logLines().first { $0.text.contains("membership list") }
        #expect(line?.level == .error)
        #expect(line?.text.contains("NOPERM") == true)
    }

    @Test func `a worker that ends leaves the list and trusts nothing from then on`() throws {
        let driver = try GateDriver.leased()
        let key = driver.generate("acme")
        #expect(driver.result(key) == .allowed)
        driver.gatekeeper.finish(driver.now)
        #expect(cachedDecision(driver, key) == nil)
        driver.serve()
        driver.tick(afterMilliseconds: 300)
        let turn = driver.turn()
        #expect(turn.commands.contains(["HDEL", "latchkey:{gateways}", "000000000000abcd"]))
        #expect(joins(turn).isEmpty)
        driver.received(driver.store.answer(turn.commands))
        driver.serve()
        #expect(driver.gatekeeper.unconfirmedCount == 0)
    }

    @Test func `a worker that ends while its link is lost leaves the list once it is back`() throws
    {
        let driver = try GateDriver.leased()
        driver.gatekeeper.linkClosed(GateDriver.data, at: driver.now)
        driver.gatekeeper.finish(driver.now)
        #expect(driver.gatekeeper.unconfirmedCount > 0)
        driver.connect()
        driver.tick()
        driver.serve()
        #expect(driver.store.members.isEmpty)
        #expect(driver.gatekeeper.unconfirmedCount == 0)
    }

    @Test func `a worker leaves the list once, even if its link is lost before the answer`() throws
    {
        let driver = try GateDriver.leased()
        driver.gatekeeper.finish(driver.now)
        driver.received(driver.store.answer(driver.turn().commands.dropLast()))
        driver.gatekeeper.linkClosed(GateDriver.data, at: driver.now)
        driver.connect()
        driver.tick()
        #expect(driver.turn().isEmpty)
        #expect(driver.gatekeeper.unconfirmedCount == 0)
    }
}

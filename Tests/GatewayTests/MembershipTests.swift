import KeyFormat
import Keyring
import RedisClient
import Testing

@testable import Gateway

/// How a worker joins the membership list and acknowledges signals.
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

    @Test func `a worker that was removed from the list empties its cache`() throws {
        let driver = try GateDriver.leased()
        let key = driver.generate("acme")
        #expect(driver.result(key) == .allowed)
        driver.store.removeMembers()
        driver.tick(afterMilliseconds: 250)
        driver.serve()
        #expect(cachedDecision(driver, key) == nil)
        driver.beat()
        #expect(driver.result(key) == .allowed)
        #expect(cachedDecision(driver, key)?.source == .cache)
    }

    @Test func `a worker that was not confirmed as a member for a lease empties its cache`() throws
    {
        let driver = try GateDriver.leased("latchkey_timeout 5s;")
        let key = driver.generate("acme")
        #expect(driver.result(key) == .allowed)
        driver.tick(afterMilliseconds: 250)
        let turn = driver.turn()
        for _ in 0..<3 {
            driver.tick(afterMilliseconds: 250)
            driver.received(
                driver.store.answer(driver.turn().invalidation, isSubscriber: true),
                link: GateDriver.invalidation
            )
        }
        driver.received(driver.store.answer(turn.commands))
        #expect(cachedDecision(driver, key) == nil)
    }

    @Test func `a join that was written before everything was removed does not count`() throws {
        let driver = try GateDriver.leased()
        let key = driver.generate("acme")
        driver.tick(afterMilliseconds: 250)
        let turn = driver.turn()
        driver.received(
            TestStore.message("__redis__:invalidate", "*-1\r\n"),
            link: GateDriver.invalidation
        )
        driver.received(driver.store.answer(turn.commands))
        driver.received(
            driver.store.answer(turn.invalidation, isSubscriber: true),
            link: GateDriver.invalidation
        )
        #expect(driver.result(key) == .allowed)
        #expect(cachedDecision(driver, key) == nil)
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

    @Test func `a barrier is acknowledged under the worker's ID`() throws {
        let driver = try GateDriver.leased()
        let barrier = driver.signal(.barrier)
        driver.sendSignal(barrier)
        #expect(driver.turn().commands == GateDriver.acknowledgement(of: barrier))
    }

    @Test func `a barrier ends what is cached of its organization, before it is acknowledged`()
        throws
    {
        let driver = try GateDriver.leased()
        let key = driver.generate("acme")
        let other = driver.generate("umbrella")
        #expect(driver.result(key) == .allowed)
        #expect(driver.result(other) == .allowed)
        driver.sendSignal(driver.signal(.barrier))
        #expect(cachedDecision(driver, key) == nil)
        #expect(cachedDecision(driver, other)?.source == .cache)
    }

    @Test(arguments: [["acme"], ["umbrella", "acme"], ["acme", "umbrella"]])
    func `the records of a message are dropped before its signal is acknowledged, in any order`(
        records: [String]
    ) throws {
        let driver = try GateDriver.leased()
        let key = driver.generate("acme")
        #expect(driver.result(key) == .allowed)
        let before = driver.gatekeeper.readMetrics().invalidations
        driver.sendSignal(driver.signal(.barrier, records[0]), with: records)
        #expect(cachedDecision(driver, key) == nil)
        #expect(driver.gatekeeper.readMetrics().invalidations > before)
        #expect(driver.turn().commands.map { $0[0] } == ["RPUSH", "EXPIRE"])
    }

    @Test func `a key that is neither a record's nor a signal's is not acknowledged`() throws {
        let driver = try GateDriver.leased()
        let name = GateDriver.key(of: driver.signal(.barrier))
        for key in [name + "0", String(name.dropLast()) + "G", String(name.dropLast()), "x"] {
            driver.received(
                TestStore.message("__redis__:invalidate", TestStore.texts([key])),
                link: GateDriver.invalidation
            )
        }
        driver.sendMessage(name, on: "another:channel")
        driver.sendMessage(name, on: "__redis__:invalidate")
        #expect(driver.turn().commands.isEmpty)
    }

    @Test func `a worker that is not a member yet acknowledges all the same`() throws {
        let driver = try GateDriver("", sendsInvalidations: true)
        driver.connect()
        driver.connect(GateDriver.invalidation)
        let barrier = driver.signal(.barrier)
        driver.sendSignal(barrier)
        #expect(driver.turn().commands == GateDriver.acknowledgement(of: barrier))
    }

    @Test func `a heartbeat reads the entry and writes nothing`() throws {
        let driver = try GateDriver.leased()
        for _ in 0..<20 {
            driver.tick(afterMilliseconds: 250)
            let turn = driver.turn()
            #expect(
                turn.commands.filter { $0[0] != "HSETNX" }
                    == [["HGET", "latchkey:{gateways}", "000000000000abcd"]]
            )
            driver.received(driver.store.answer(turn.commands))
            driver.received(
                driver.store.answer(turn.invalidation, isSubscriber: true),
                link: GateDriver.invalidation
            )
        }
    }

    @Test(arguments: [nil, "", "host=web-1 pid=4711 version=1 tracking=on lease=1 grace=0 token=1"])
    func `a worker whose entry is another one empties its cache and joins anew`(entry: String?)
        throws
    {
        let driver = try GateDriver.leased()
        let key = driver.generate("acme")
        #expect(driver.result(key) == .allowed)
        let first = driver.store.members.values.first
        driver.store.replaceMember("000000000000abcd", entry)
        driver.tick(afterMilliseconds: 250)
        driver.received(driver.store.answer(driver.turn().commands))
        #expect(cachedDecision(driver, key) == nil)
        driver.beat()
        #expect(driver.store.members.count == 1)
        #expect(driver.store.members.values.first != first)
        #expect(driver.result(key) == .allowed)
        #expect(cachedDecision(driver, key)?.source == .cache)
    }

    @Test func `a store that takes no writes keeps the lease alive`() throws {
        let driver = try GateDriver.leased()
        let key = driver.generate("acme")
        #expect(driver.result(key) == .allowed)
        driver.beat(times: 40)
        #expect(cachedDecision(driver, key)?.source == .cache)
    }

    @Test func `the tokens of all entries add up to the checksum, whatever happens`() throws {
        let driver = try GateDriver.leased()
        func checksum() -> String? { driver.store.hashes[TestStore.list]?["checksum"] }
        func token() -> Int64? {
            driver.store.members.values.first.flatMap { entry in
                let digits = entry.split(separator: " ").first { $0.hasPrefix("token=") }
                return digits.flatMap { Int64($0.dropFirst(6), radix: 16) }
            }
        }
        #expect(token().map { "\($0)" } == checksum())
        driver.store.removeMembers()
        driver.beat(times: 2)
        #expect(token().map { "\($0)" } == checksum())
        driver.gatekeeper.finish(driver.now)
        driver.serve()
        #expect(driver.store.members.isEmpty)
        #expect(checksum() == "0")
    }

    @Test func `a member hands the term over once it has been one for its lease and grace`() throws
    {
        let driver = try GateDriver.leased("latchkey_outage_grace 2s;")
        func terms() -> [String: String] {
            (driver.store.hashes[TestStore.list] ?? [:]).filter { $0.key.hasPrefix("term:") }
        }
        let generation = try #require(driver.store.hashes[TestStore.list]?["generation"])
        driver.beat(times: 12)
        #expect(terms().isEmpty)
        driver.beat()
        driver.beat(times: 1)
        #expect(terms() == ["term:0a1b:\(generation)": "3000:0"])
        driver.store.removeMembers()
        driver.beat(times: 16)
        let next = try #require(driver.store.hashes[TestStore.list]?["generation"])
        #expect(next != generation)
        #expect(terms() == ["term:0a1b:\(next)": "3000:0"])
    }

    @Test func `a store that does not tell its term is handed nothing over`() throws {
        let driver = try GateDriver("", sendsInvalidations: true)
        driver.store.information = nil
        driver.connect()
        driver.connect(GateDriver.invalidation)
        driver.beat()
        driver.beat(times: 8)
        #expect(driver.store.members.count == 1)
        #expect(
            driver.store.hashes[TestStore.list]?.keys.contains { $0.hasPrefix("term:") } == false
        )
    }

    @Test func `a worker that ends leaves the list and trusts nothing from then on`() throws {
        let driver = try GateDriver.leased()
        let key = driver.generate("acme")
        #expect(driver.result(key) == .allowed)
        driver.gatekeeper.finish(driver.now)
        #expect(cachedDecision(driver, key) == nil)
        driver.tick(afterMilliseconds: 300)
        let turn = driver.turn()
        #expect(turn.commands.contains(["HDEL", "latchkey:{gateways}", "000000000000abcd"]))
        #expect(joins(turn).isEmpty)
        driver.received(driver.store.answer(turn.commands))
        driver.serve()
        #expect(driver.gatekeeper.unconfirmedCount == 0)
    }

    @Test func `uses of former keys are counted and sent within a second`() throws {
        let driver = try GateDriver.leased()
        let old = driver.generate("acme")
        _ = driver.generate("acme")
        for _ in 0..<14 { #expect(driver.result(old) == .revoked) }
        driver.tick(afterMilliseconds: 1000)
        driver.serve()
        let acme = "\(Organization("acme")!.locator)"
        #expect(driver.store.counts[acme] == 14)
        driver.tick(afterMilliseconds: 1000)
        driver.serve()
        #expect(driver.store.counts[acme] == 14)
    }

    @Test func `a forged key is not counted as a refused use`() throws {
        let driver = try GateDriver.leased()
        let other = try GateDriver(pepper: String(repeating: "0b", count: 32))
        #expect(driver.result(other.generate("acme")) == .forged)
        driver.tick(afterMilliseconds: 1000)
        driver.serve()
        #expect(driver.store.counts.isEmpty)
    }

    @Test func `uses of cached keys are sent within a second`() throws {
        let driver = try GateDriver.leased()
        let key = driver.generate("acme")
        #expect(driver.result(key) == .allowed)
        driver.beat(times: 4)
        driver.advance(milliseconds: 10)
        #expect(cachedDecision(driver, key)?.source == .cache)
        let last = driver.now.unix.milliseconds
        #expect(driver.gatekeeper.unconfirmedCount > 0)
        driver.beat(times: 4)
        #expect(driver.store.lastUses["\(Organization("acme")!.locator)"] == "\(last)")
    }
}

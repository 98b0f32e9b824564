import KeyFormat
import Keyring
import RedisClient
import Testing

@testable import Gateway

/// What a worker does while its entry stands in the membership list, and when it is gone.
struct MemberEntryTests {
    private func cachedDecision(_ driver: GateDriver, _ key: [UInt8]) -> Decision? {
        let check = driver.check(key, request: 1)
        driver.gatekeeper.cancel(ticket: check.ticket)
        return check.decision
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
}

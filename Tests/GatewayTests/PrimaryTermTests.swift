import KeyFormat
import Keyring
import RedisClient
import TestSupport
import Testing

@testable import Gateway

/// How a gatekeeper hands the term of a new primary over.
struct PrimaryTermTests {
    private typealias Driver = FailoverDriver

    private func terms(_ driver: Driver, at server: Endpoint) -> [String] {
        (driver.servers[server]!.store.hashes[TestStore.list] ?? [:]).keys
            .filter { $0.hasPrefix("term:") }
    }

    @Test(arguments: ["leased", "strict"])
    func `a term is handed over so long after its primary was attested`(mode: String) throws {
        let (driver, _) = try Driver.following(
            "latchkey_consistency \(mode); latchkey_outage_grace 1s;"
        )
        driver.promote()
        driver.servers[Driver.second]!.store.removeMembers()
        driver.name(Driver.second)
        driver.pass(milliseconds: 2000)
        #expect(terms(driver, at: Driver.second).isEmpty)
        driver.pass(milliseconds: 600)
        #expect(terms(driver, at: Driver.second).count == 1)
        let witnesses = try #require(driver.configuration.witnesses)
        #expect(terms(driver, at: Driver.second)[0].hasPrefix("term:002.7.\(witnesses):"))
    }

    @Test func `a term is handed over once a majority agrees on the version of its configuration`()
        throws
    {
        let (driver, _) = try Driver.following()
        driver.promote()
        driver.servers[Driver.second]!.store.removeMembers()
        driver.epochs = [7, 8, 9]
        driver.name(Driver.second)
        driver.pass(milliseconds: 4000)
        #expect(terms(driver, at: Driver.second).isEmpty)
        driver.epochs = [9, 8, 9]
        driver.pass(milliseconds: 1000)
        #expect(terms(driver, at: Driver.second).isEmpty)
        driver.pass(milliseconds: 700)
        #expect(terms(driver, at: Driver.second).map { $0.prefix(10) } == ["term:002.9"])
    }

    @Test(arguments: ["s_down,master", "o_down,master", "master,failover_in_progress"])
    func `a term is not handed over while the sentinels are about to replace the primary`(
        flags: String
    ) throws {
        let (driver, _) = try Driver.following()
        driver.promote()
        driver.servers[Driver.second]!.store.removeMembers()
        driver.flags = flags
        driver.name(Driver.second)
        driver.pass(milliseconds: 4000)
        #expect(terms(driver, at: Driver.second).isEmpty)
    }

    @Test func `sentinels are asked for the term only until it is attested`() throws {
        let (driver, _) = try Driver.following()
        func reports() -> Int { driver.sentinelCommands[0].count { $0[1...].first == "MASTER" } }
        #expect((1...2).contains(reports()))
        let before = reports()
        driver.pass(milliseconds: 5000)
        #expect(reports() == before)
    }

    @Test(arguments: ["leased", "strict"])
    func `the entry promises the fence, whether records are cached or not`(mode: String) throws {
        let (driver, _) = try Driver.following(
            "latchkey_consistency \(mode); latchkey_lease 2s; latchkey_outage_grace 1s;"
        )
        let entries = driver.servers[Driver.first]!.store.members.values
        #expect(entries.allSatisfy { $0.contains(" tracking=on lease=2000 grace=1000 ") })
        #expect(entries.count == 1)
    }

    @Test func `a term is not handed over while its primary is not attested anew`() throws {
        let (driver, _) = try Driver.following()
        driver.promote()
        driver.servers[Driver.second]!.store.removeMembers()
        driver.heldLinks = [0]
        driver.name(Driver.second)
        driver.pass(milliseconds: 260)
        for index in 0..<3 { driver.words[index] = .reply("*-1\r\n") }
        driver.release(0)
        driver.pass(milliseconds: 4000)
        #expect(terms(driver, at: Driver.second).isEmpty)
        driver.name(Driver.second)
        driver.pass(milliseconds: 1600)
        #expect(terms(driver, at: Driver.second).count == 1)
    }
}

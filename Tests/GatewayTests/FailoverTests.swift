import KeyFormat
import Keyring
import RedisClient
import TestSupport
import Testing

@testable import Gateway

/// How a gatekeeper follows the primary that its sentinels name.
struct FailoverTests {
    private typealias Driver = FailoverDriver

    private let notPrimary = "the store at 10.0.0.1:6379: it is not a primary"

    // MARK: Finding the primary

    @Test func `a gatekeeper opens no link to a server before a majority names one`() throws {
        let driver = try Driver()
        driver.words = [.primary(Driver.first), .primary(Driver.second), .reply("*-1\r\n")]
        driver.pass(milliseconds: 3000)
        #expect(driver.opened.allSatisfy { $0 != Driver.first && $0 != Driver.second })
        driver.words[2] = .primary(Driver.second)
        driver.pass(milliseconds: 600)
        #expect(driver.opened.contains(Driver.second))
        #expect(!driver.opened.contains(Driver.first))
        #expect(driver.result(driver.generate("acme", at: Driver.second)) == .allowed)
    }

    @Test func `checks wait for the primary to be named, and for no longer than they may`() throws {
        let driver = try Driver()
        let key = driver.generate("acme", at: Driver.first)
        driver.heldLinks = [2, 3, 4]
        driver.run()
        #expect(driver.begin(key, request: 1) == nil)
        for link in [2, 3, 4] as [UInt32] { driver.release(link) }
        driver.run()
        #expect(driver.answers() == [1: .allowed])

        let other = try Driver()
        other.heldLinks = [2, 3, 4]
        other.run()
        #expect(other.begin(key, request: 2) == nil)
        other.pass(milliseconds: 500)
        #expect(other.answers() == [2: .unavailable])
    }

    @Test func `without any sentinel a check is refused at once`() throws {
        let driver = try Driver()
        driver.lost = [0, 1, 2]
        driver.pass(milliseconds: 200)
        #expect(driver.atOnce(driver.generate("acme", at: Driver.first))?.result == .unavailable)
    }

    @Test(arguments: [
        "*-1\r\n", "$-1\r\n", "-ERR no such master\r\n", "*0\r\n", ":1\r\n",
        TestStore.texts(["redis.example", "6379"]), TestStore.texts(["10.0.0.1", "0"]),
        TestStore.texts(["10.0.0.1", "6379", "x"]), TestStore.texts(["10.0.0.1"]),
    ])
    func `an answer without an IP address and a port names no primary`(reply: String) throws {
        let driver = try Driver()
        driver.words = [.primary(Driver.first), .reply(reply), .reply(reply)]
        driver.pass(milliseconds: 2000)
        #expect(!driver.opened.contains(Driver.first))
        let line = "the sentinel at s1:26379 names no primary"
        #expect(driver.lines.contains { $0.text.hasPrefix(line) })
    }

    @Test func `sentinels are sent their own credentials, and the question`() throws {
        let folder = TemporaryFolder()
        let sentinel = try folder.write("sentinel hunter2", to: "sentinel")
        let gateway = try folder.write("gateway hunter3", to: "gateway")
        let driver = try Driver(
            "latchkey_store_auth sentinel=\(sentinel) gateway=\(gateway); latchkey_lease 8s;"
        )
        driver.pass(milliseconds: 5000, step: 50)
        #expect(
            driver.sentinelCommands[1].prefix(3) == [
                ["AUTH", "sentinel", "hunter2"], ["PING"],
                ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main"],
            ]
        )
        // Once a second, however long the lease is.
        #expect((5...6).contains(driver.sentinelCommands[1].count - 2))
    }

    @Test func `a server that says it is a replica is not used, and tried again`() throws {
        let driver = try Driver()
        driver.servers[Driver.first]!.isPrimary = false
        driver.pass(milliseconds: 1000)
        #expect(driver.result(driver.generate("acme", at: Driver.first)) == .unavailable)
        #expect(driver.lines.contains { $0.text == notPrimary })
        driver.servers[Driver.first]!.isPrimary = true
        driver.pass(milliseconds: 1000)
        #expect(driver.result(driver.generate("acme", at: Driver.first)) == .allowed)
    }

    @Test func `the entry names the list of sentinels`() throws {
        let (driver, _) = try Driver.following()
        guard case .sentinel(let url) = driver.configuration.topology else { return }
        let members = driver.servers[Driver.first]!.store.members
        #expect(members.values.allSatisfy { $0.hasSuffix(" witnesses=\(url.digest)") })
        #expect(members.count == 1)
    }

    // MARK: Attestation

    @Test(arguments: ["leased", "strict"])
    func `a primary that is no longer named decides nothing after the lease`(mode: String) throws {
        let (driver, key) = try Driver.following("latchkey_consistency \(mode);")
        let unread = driver.generate("umbrella", at: Driver.first)
        driver.revoke("acme", at: Driver.first)
        driver.sendInvalidation("acme")
        for index in 0..<3 { driver.words[index] = .reply("*-1\r\n") }
        driver.pass(milliseconds: 600)
        #expect(driver.result(unread) == .allowed)
        #expect(driver.result(key) == .revoked)
        driver.pass(milliseconds: 500)
        for key in [key, unread] {
            #expect(driver.atOnce(key) == nil)
            #expect(driver.begin(key, request: 7) == nil)
            driver.pass(milliseconds: 500)
            #expect(driver.answers() == [7: .unavailable])
        }
    }

    @Test(arguments: ["leased", "strict"])
    func `checks that wait for the sentinels' word are decided when it comes`(mode: String) throws {
        let (driver, key) = try Driver.following("latchkey_consistency \(mode);")
        let words = driver.words
        for index in 0..<3 { driver.words[index] = .reply("*-1\r\n") }
        driver.pass(milliseconds: 1300)
        #expect(driver.begin(key, request: 1) == nil)
        driver.words = words
        driver.pass(milliseconds: 300)
        #expect(driver.answers() == [1: .allowed])
    }

    @Test func `a minority of the sentinels attests nothing`() throws {
        let (driver, key) = try Driver.following()
        driver.cutOff(sentinel: 0)
        driver.pass(milliseconds: 2000)
        #expect(driver.atOnce(key)?.source == .cache)
        driver.cutOff(sentinel: 1)
        driver.pass(milliseconds: 900)
        #expect(driver.atOnce(key)?.source == .cache)
        driver.pass(milliseconds: 200)
        #expect(driver.atOnce(key) == nil)
        #expect(driver.result(key) == nil)
    }

    @Test func `the sentinels' word counts from when they were asked`() throws {
        let (driver, key) = try Driver.following()
        driver.heldLinks = [2, 3, 4]
        driver.pass(milliseconds: 400)
        for link in [2, 3, 4] as [UInt32] { driver.release(link) }
        driver.heldLinks = [2, 3, 4]
        // The last questions that were answered had been sent 150 ms to 400 ms before.
        driver.pass(milliseconds: 450)
        #expect(driver.atOnce(key)?.source == .cache)
        driver.pass(milliseconds: 450)
        #expect(driver.atOnce(key) == nil)
    }

    @Test func `a strict proof does not decide once the primary is not attested`() throws {
        let (driver, key) = try Driver.following("latchkey_consistency strict;")
        for index in 0..<3 { driver.words[index] = .reply("*-1\r\n") }
        driver.pass(milliseconds: 740)
        driver.heldLinks = [1]
        #expect(driver.begin(key, request: 1) == nil)
        driver.run()
        driver.pass(milliseconds: 300)
        driver.release(1)
        #expect(driver.answers().isEmpty)
        driver.pass(milliseconds: 500)
        #expect(driver.answers() == [1: .unavailable])
    }

    @Test func `a record that arrives too late is neither used nor cached`() throws {
        let (driver, _) = try Driver.following()
        let key = driver.generate("umbrella", at: Driver.first)
        for index in 0..<3 { driver.words[index] = .reply("*-1\r\n") }
        driver.pass(milliseconds: 740)
        #expect(driver.begin(key, request: 1) == nil)
        driver.heldLinks = [0]
        driver.run()
        driver.pass(milliseconds: 300)
        driver.release(0)
        #expect(driver.answers().isEmpty)
        driver.name(Driver.first)
        driver.revoke("umbrella", at: Driver.first)
        driver.pass(milliseconds: 150)
        #expect(driver.answers() == [1: .revoked])
    }

    @Test func `streams are not ended by what a primary without attestation says`() throws {
        let (driver, key) = try Driver.following()
        let decision = try #require(driver.atOnce(key))
        let locator = try #require(decision.locator)
        _ = driver.gatekeeper.openStream(9, locator, try #require(decision.streamKey))
        for index in 0..<3 { driver.words[index] = .reply("*-1\r\n") }
        driver.pass(milliseconds: 1200)
        driver.revoke("acme", at: Driver.first)
        driver.sendInvalidation("acme")
        driver.pass(milliseconds: 500)
        #expect(driver.gatekeeper.nextEndedStream() == nil)
        driver.name(Driver.first)
        driver.pass(milliseconds: 300)
        #expect(driver.gatekeeper.nextEndedStream() == 9)
    }

    // MARK: Another primary

    @Test(arguments: ["leased", "strict"])
    func `both links move to the new primary, whose records decide`(mode: String) throws {
        let (driver, key) = try Driver.following("latchkey_consistency \(mode);")
        driver.promote()
        driver.revoke("acme", at: Driver.second)
        driver.name(Driver.second)
        driver.pass(milliseconds: 300)
        #expect(driver.opened.filter { $0 == Driver.second }.count == 2)
        #expect(driver.result(key) == .revoked)
        let next = driver.generate("acme", at: Driver.second)
        driver.sendInvalidation("acme")
        #expect(driver.result(next) == .allowed)
        driver.pass(milliseconds: 3000)
        #expect(driver.result(next) == .allowed)
        #expect(driver.gatekeeper.readMetrics().primaryChanges == 1)
    }

    @Test func `a read that was in flight is sent to the new primary`() throws {
        let (driver, _) = try Driver.following()
        let key = driver.generate("umbrella", at: Driver.first)
        driver.promote()
        driver.revoke("umbrella", at: Driver.second)
        driver.heldLinks = [0]
        #expect(driver.begin(key, request: 1) == nil)
        driver.run()
        driver.name(Driver.second)
        driver.pass(milliseconds: 260)
        driver.release(0)
        #expect(driver.answers() == [1: .revoked])
    }

    @Test func `a minority that names another server changes nothing`() throws {
        let (driver, key) = try Driver.following()
        driver.words[0] = .primary(Driver.second)
        driver.pass(milliseconds: 3000)
        #expect(driver.atOnce(key)?.source == .cache)
        #expect(!driver.opened.contains(Driver.second))
    }

    @Test func `what was cached of the former primary does not decide at the new one`() throws {
        let (driver, key) = try Driver.following()
        driver.promote()
        driver.heldLinks = [0, 1]
        driver.name(Driver.second)
        driver.pass(milliseconds: 260)
        #expect(driver.gatekeeper.probe.trustedUntil == .origin)
        driver.pass(milliseconds: 1000)
        #expect(driver.atOnce(key) == nil)
    }

    @Test func `the entry has to be found at the new primary before anything is cached from it`()
        throws
    {
        let (driver, key) = try Driver.following()
        driver.promote()
        driver.servers[Driver.second]!.store.removeMembers()
        driver.servers[Driver.second]!.refusesWrites = false
        driver.heldLinks = [0]
        driver.name(Driver.second)
        driver.pass(milliseconds: 260)
        #expect(driver.gatekeeper.probe.trustedUntil == .origin)
        driver.release(0)
        driver.pass(milliseconds: 300)
        #expect(driver.servers[Driver.second]!.store.members.count == 1)
        #expect(driver.result(key) == .allowed)
        #expect(driver.atOnce(key)?.source == .cache)
    }

    @Test func `an older record of the new primary is no fault, one of the same primary is`() throws
    {
        let (driver, first) = try Driver.following()
        let copy = driver.servers[Driver.first]!.store
        let second = driver.generate("acme", at: Driver.first)
        driver.sendInvalidation("acme")
        #expect(driver.result(second) == .allowed)
        driver.promote(from: copy)
        driver.name(Driver.second)
        driver.pass(milliseconds: 600)
        #expect(driver.result(first) == .allowed)
        #expect(driver.result(second) == .revoked)

        driver.revoke("acme", at: Driver.second)
        driver.sendInvalidation("acme")
        #expect(driver.result(first) == .revoked)
        driver.promote(from: copy)
        driver.sendInvalidation("acme")
        #expect(driver.result(first) == .unavailable)
    }

    @Test func `a primary that was left is found again, and its earlier records too`() throws {
        let (driver, key) = try Driver.following()
        driver.promote()
        for server in [Driver.second, Driver.first, Driver.second, Driver.first, Driver.second] {
            driver.name(server)
            driver.pass(milliseconds: 600)
            #expect(driver.result(key) == .allowed)
            #expect(driver.atOnce(key)?.source == .cache)
        }
        #expect(driver.gatekeeper.readMetrics().primaryChanges == 5)
    }

    @Test func `a server that refuses writes is left, until it is a primary again`() throws {
        let (driver, key) = try Driver.following()
        driver.servers[Driver.first]!.store.removeMembers()
        driver.servers[Driver.first]!.refusesWrites = true
        driver.servers[Driver.first]!.isPrimary = false
        driver.pass(milliseconds: 2000)
        #expect(driver.result(key) == .unavailable)
        #expect(driver.lines.contains { $0.text == notPrimary })
        driver.servers[Driver.first]!.refusesWrites = false
        driver.servers[Driver.first]!.isPrimary = true
        driver.pass(milliseconds: 1500)
        #expect(driver.result(key) == .allowed)
    }

    @Test func `a primary that has been a replica meanwhile is another one`() throws {
        let (driver, first) = try Driver.following()
        let copy = driver.servers[Driver.first]!.store
        let second = driver.generate("acme", at: Driver.first)
        driver.sendInvalidation("acme")
        #expect(driver.result(second) == .allowed)
        // Nobody tells that it follows another server, whose copy lacks the change.
        driver.servers[Driver.first]!.isPrimary = false
        driver.servers[Driver.first]!.refusesWrites = true
        driver.servers[Driver.first]!.store.removeMembers()
        driver.pass(milliseconds: 1500)
        #expect(driver.result(second) == .unavailable)
        driver.servers[Driver.first]!.store = copy
        driver.servers[Driver.first]!.isPrimary = true
        driver.servers[Driver.first]!.refusesWrites = false
        driver.pass(milliseconds: 1500)
        #expect(driver.result(first) == .allowed)
        #expect(driver.result(second) == .revoked)
        #expect(driver.atOnce(first)?.source == .cache)
    }

    @Test(arguments: [true, false])
    func `an older record is no fault after another primary that the worker has missed`(
        isLinkLost: Bool
    ) throws {
        let (driver, first) = try Driver.following()
        let copy = driver.servers[Driver.first]!.store
        let second = driver.generate("acme", at: Driver.first)
        driver.sendInvalidation("acme")
        #expect(driver.result(second) == .allowed)
        driver.servers[Driver.first]!.store = copy
        if isLinkLost {
            driver.cutOff(Driver.first)
            driver.servers[Driver.first]!.isReachable = true
        } else {
            driver.sendInvalidationOfAll()
        }
        driver.pass(milliseconds: 1500)
        #expect(driver.result(first) == .allowed)
        #expect(driver.result(second) == .revoked)
    }

    @Test func `the first sentinel that is reached again has all tried again`() throws {
        let (driver, key) = try Driver.following()
        for index in 0..<3 { driver.cutOff(sentinel: index) }
        driver.cutOff(Driver.first)
        driver.pass(milliseconds: 20_000, step: 50)
        #expect(driver.result(key) == .unavailable)
        driver.lost = []
        driver.servers[Driver.first]!.isReachable = true
        driver.pass(milliseconds: 810)
        #expect(driver.result(key) == .allowed)
    }

    // MARK: Grace

    @Test func `the grace goes on through a change of primary, and is not begun anew`() throws {
        let (driver, key) = try Driver.following("latchkey_outage_grace 3s;")
        driver.servers[Driver.second]!.isReachable = false
        driver.cutOff(Driver.first)
        driver.pass(milliseconds: 1500)
        #expect(driver.atOnce(key)?.source == .grace)
        driver.name(Driver.second)
        driver.pass(milliseconds: 1000)
        #expect(driver.gatekeeper.endpoint(link: 0) == Driver.second)
        #expect(driver.atOnce(key)?.source == .grace)
        driver.pass(milliseconds: 1700)
        #expect(driver.atOnce(key)?.result ?? .unavailable == .unavailable)
    }

    @Test func `the grace of a cached key ends when the new primary has the entry`() throws {
        let (driver, key) = try Driver.following("latchkey_outage_grace 3s;")
        driver.promote()
        driver.servers[Driver.second]!.isReachable = false
        driver.cutOff(Driver.first)
        driver.name(Driver.second)
        driver.pass(milliseconds: 1200)
        #expect(driver.atOnce(key)?.source == .grace)
        driver.servers[Driver.second]!.isReachable = true
        driver.pass(milliseconds: 900)
        driver.servers[Driver.second]!.isReachable = false
        driver.cutOff(Driver.second)
        #expect(driver.atOnce(key)?.result ?? .unavailable == .unavailable)
    }

    @Test func `a primary that is no longer named leaves the grace to cached keys`() throws {
        let (driver, key) = try Driver.following("latchkey_outage_grace 3s;")
        for index in 0..<3 { driver.words[index] = .reply("*-1\r\n") }
        driver.pass(milliseconds: 1200)
        #expect(driver.atOnce(key)?.source == .grace)
        driver.pass(milliseconds: 3000)
        #expect(driver.atOnce(key)?.result ?? .unavailable == .unavailable)
    }

    @Test func `a worker that exits after a change of primary has no grace`() throws {
        let (driver, key) = try Driver.following("latchkey_outage_grace 3s;")
        driver.servers[Driver.second]!.isReachable = false
        driver.name(Driver.second)
        driver.pass(milliseconds: 300)
        #expect(driver.atOnce(key)?.result == .allowed)
        driver.gatekeeper.finish(driver.now)
        #expect(driver.atOnce(key)?.result ?? .unavailable == .unavailable)
    }

    // MARK: Terms

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
        #expect(terms(driver, at: Driver.second)[0].hasPrefix("term:002.7:"))
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

    // MARK: Reports

    @Test func `which primary is followed is one line, and what has changed`() throws {
        let driver = try Driver()
        driver.pass(milliseconds: 1500)
        let texts = driver.lines.map(\.text)
        #expect(
            texts.first == "the store at 10.0.0.1:6379 is the primary: 2 of 3 sentinels name it"
        )
        #expect(texts.count { $0.contains("is the primary") } == 1)
        driver.promote()
        driver.name(Driver.second)
        driver.pass(milliseconds: 600)
        #expect(
            driver.lines.contains {
                $0.level == .notice
                    && $0.text
                        == "the store at 10.0.0.2:6379 is the primary: 2 of 3 sentinels name "
                        + "it, instead of the store at 10.0.0.1:6379"
            }
        )
    }

    @Test func `a primary that is no longer named is one line, and so is its return`() throws {
        let (driver, _) = try Driver.following()
        for index in 0..<2 { driver.cutOff(sentinel: index) }
        driver.pass(milliseconds: 20_000, step: 50)
        let about = driver.lines.filter { $0.text.contains("decides nothing") }
        #expect(about.map(\.level) == [.error])
        #expect(
            about.map(\.text) == [
                "the store at 10.0.0.1:6379 decides nothing: fewer than 2 of 3 sentinels have named it "
                    + "within the lease"
            ]
        )
        driver.lost = []
        driver.pass(milliseconds: 2000, step: 50)
        #expect(
            driver.lines.count {
                $0.text == "2 of 3 sentinels name the store at 10.0.0.1:6379"
            } == 1
        )
    }

    @Test func `a worker that starts without a majority says so once`() throws {
        let driver = try Driver()
        driver.lost = [0, 1]
        driver.pass(milliseconds: 20_000, step: 50)
        #expect(
            driver.lines.filter { $0.level == .error }.map(\.text) == [
                "no primary is known: fewer than 2 of 3 sentinels name one"
            ]
        )
    }

    @Test func `a sentinel that is lost is one line, and so is its return`() throws {
        let (driver, _) = try Driver.following()
        driver.cutOff(sentinel: 1)
        driver.pass(milliseconds: 20_000, step: 50)
        #expect(
            driver.lines.map(\.text) == [
                "the sentinel at s1:26379 names no primary: connection lost"
            ]
        )
        #expect(driver.gatekeeper.readMetrics().sentinelsConnected == 2)
        driver.lost = []
        driver.pass(milliseconds: 2000, step: 50)
        #expect(driver.lines.last?.text == "the sentinel at s1:26379 names a primary")
        #expect(driver.gatekeeper.readMetrics().sentinelsConnected == 3)
    }

    @Test func `metrics tell until when the primary is attested`() throws {
        let (driver, _) = try Driver.following()
        let metrics = driver.gatekeeper.readMetrics()
        #expect(metrics.sentinels == 3)
        #expect(metrics.attestedUntil > driver.now.monotonic)
        #expect(metrics.attestedUntil <= driver.now.monotonic.advanced(byMilliseconds: 1000))
        #expect(try GateDriver().gatekeeper.readMetrics().attestedUntil == .never)
        #expect(try Driver().gatekeeper.readMetrics().attestedUntil == .origin)
    }
}

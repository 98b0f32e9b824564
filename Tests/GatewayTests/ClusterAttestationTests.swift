import KeyFormat
import Keyring
import RedisClient
import Testing

@testable import Gateway

/// How the primaries of a cluster attest each other, and what happens when one is replaced.
struct ClusterAttestationTests {
    private typealias Driver = ClusterDriver

    // MARK: Witnesses

    @Test(arguments: ["leased", "strict"])
    func `a primary that the others no longer name decides nothing after the lease`(mode: String)
        throws
    {
        let driver = try Driver.settled("latchkey_consistency \(mode);")
        let name = driver.organization(at: 1)
        let key = driver.generate(name, at: 1)
        let unread = driver.generate(driver.organization(at: 1, 1), at: 1)
        #expect(driver.result(key) == .allowed)
        driver.assign(driver.slots(of: 1), to: 4, inViewOf: [2, 3])
        driver.servers[Driver.endpoint(4)]!.isReachable = false
        driver.pass(milliseconds: 1100)
        #expect(driver.atOnce(key)?.result != .allowed)
        #expect(driver.result(key) != .allowed)
        #expect(driver.result(unread) != .allowed)
    }

    @Test func `slots that move do not make the primaries attest each other more often`() throws {
        let driver = try Driver.settled("latchkey_lease 10s;")
        let names = (0..<100).map { driver.organization(at: 1, $0) }
        driver.clearCommands()
        for name in names {
            driver.assign([driver.slot(of: name)], to: 2)
            driver.sendInvalidation(of: [Driver.barrier(name)], from: 2)
            driver.pass(milliseconds: 20)
        }
        #expect(driver.gatekeeper.readMetrics().mapChanges > 10)
        let probes = driver.commands.values.joined().count { $0[0] == "HMGET" && $0.count == 3 }
        #expect((6...30).contains(probes))
    }

    @Test
    func `no signal is acknowledged while records of the former primary in its place are cached`()
        throws
    {
        let driver = try Driver.settled("latchkey_lease 10s;")
        let name = driver.organization(at: 1)
        #expect(driver.result(driver.generate(name, at: 1)) == .allowed)
        let barrier = Driver.barrier(driver.organization(at: 1, 1))
        let slots = driver.slots(of: 1)
        driver.copy(from: 1, to: 4)
        driver.held = [Driver.endpoint(2), Driver.endpoint(3)]
        driver.assign(slots, to: 4)
        for _ in 0..<10 where !driver.isTracking(4) {
            driver.gatekeeper.cluster.reader.requestMap()
            driver.pass(milliseconds: 40)
        }
        #expect(driver.isTracking(4))
        driver.clearCommands()
        driver.sendInvalidation(of: [barrier], from: 4)
        #expect(driver.commands[Driver.endpoint(4)]?.contains { $0[0] == "RPUSH" } != true)
        for number in [2, 3] { driver.release(number) }
        driver.pass(milliseconds: 1500)
        driver.sendInvalidation(of: [barrier], from: 4)
        #expect(driver.commands[Driver.endpoint(4)]?.contains { $0[0] == "RPUSH" } == true)
    }

    @Test func `one of two other primaries is not enough`() throws {
        let driver = try Driver.settled()
        let key = driver.generate(driver.organization(at: 1), at: 1)
        #expect(driver.result(key) == .allowed)
        driver.servers[Driver.endpoint(3)]!.isDown = true
        driver.pass(milliseconds: 1100)
        #expect(driver.atOnce(key) == nil)
        #expect(driver.result(key) == nil)
        let line = "the store at 10.0.0.1:7000 decides nothing: fewer than 2 of the other primaries"
        #expect(driver.lines.contains { $0.text.hasPrefix(line) })
        driver.servers[Driver.endpoint(3)]!.isDown = false
        driver.pass(milliseconds: 600)
        #expect(driver.result(key) == .allowed)
        #expect(driver.lines.contains { $0.text.contains("name the store at 10.0.0.1:7000") })
    }

    @Test func `why primaries do not name each other is reported once`() throws {
        let driver = try Driver()
        for number in 1...3 { driver.servers[Driver.endpoint(number)]!.denied = ["HMGET"] }
        driver.pass(milliseconds: 5000)
        let lines = driver.lines.filter { $0.level == .error }.map(\.text)
        #expect(lines.count == 2)
        let line = "the store at 10.0.0.1:7000 decides nothing: fewer than 2 of the other primaries"
        #expect(lines.first?.hasPrefix(line) == true)
        #expect(lines.allSatisfy { $0.contains(":7000: NOPERM no permission") })
        for number in 1...3 { driver.servers[Driver.endpoint(number)]!.denied = [] }
        driver.pass(milliseconds: 1000)
        #expect(driver.lines.contains { $0.text.contains("name the store at 10.0.0.3:7000") })
    }

    @Test func `another reason why primaries do not name each other is reported as well`() throws {
        let driver = try Driver.settled()
        driver.held = [Driver.endpoint(3)]
        driver.pass(milliseconds: 1500)
        #expect(driver.lines.contains { $0.text.hasSuffix("have named it within the lease") })
        driver.servers[Driver.endpoint(3)]!.denied = ["HMGET"]
        driver.release(3)
        driver.pass(milliseconds: 2500)
        #expect(driver.lines.contains { $0.text.contains("10.0.0.3:7000: NOPERM no permission") })
    }

    @Test func `in a cluster of five a majority is enough`() throws {
        let driver = try Driver.settled(primaries: 5)
        let key = driver.generate(driver.organization(at: 1), at: 1)
        driver.servers[Driver.endpoint(5)]!.isDown = true
        driver.pass(milliseconds: 1500)
        #expect(driver.result(key) == .allowed)
        driver.servers[Driver.endpoint(4)]!.isDown = true
        driver.pass(milliseconds: 1100)
        #expect(driver.result(key) == nil)
    }

    @Test func `what another primary said counts from when it was asked`() throws {
        let driver = try Driver.settled()
        let key = driver.generate(driver.organization(at: 1), at: 1)
        #expect(driver.result(key) == .allowed)
        driver.held = [Driver.endpoint(2)]
        driver.pass(milliseconds: 480)
        driver.release(2)
        driver.held = [Driver.endpoint(2)]
        driver.pass(milliseconds: 700)
        #expect(driver.atOnce(key)?.source == .cache)
        driver.pass(milliseconds: 400)
        #expect(driver.atOnce(key) == nil)
    }

    @Test(arguments: ["*1\r\n$6\r\nactive\r\n", "-ASK 0 10.0.0.1:7000\r\n", "$-1\r\n", "+OK\r\n"])
    func `a witness that does not say who holds the slot attests nothing`(reply: String) throws {
        let driver = try Driver.settled()
        let key = driver.generate(driver.organization(at: 1), at: 1)
        #expect(driver.result(key) == .allowed)
        for number in [2, 3] { driver.servers[Driver.endpoint(number)]!.insteadOfMoved = reply }
        driver.pass(milliseconds: 1100)
        #expect(driver.result(key) == nil)
        for number in [2, 3] { driver.servers[Driver.endpoint(number)]!.insteadOfMoved = nil }
        driver.pass(milliseconds: 700)
        #expect(driver.result(key) == .allowed)
    }

    @Test func `questions go to the others, in the middle of what a primary holds`() throws {
        let driver = try Driver.settled("latchkey_lease 4s;")
        driver.clearCommands()
        driver.pass(milliseconds: 4000, step: 50)
        let probes = driver.commands[Driver.endpoint(2)]!.filter { $0[0] == "HMGET" }
        #expect((6...12).contains(probes.count))
        let slots = Set(probes.map { Slot(ofKey: Array($0[1].utf8)).number })
        #expect(slots.count == 2)
        #expect(
            slots.allSatisfy { slot in
                [1, 3].contains { driver.slots(of: $0).contains(slot) }
            }
        )
    }

    @Test func `a primary that has given away what the others were asked for is still attested`()
        throws
    {
        let driver = try Driver.settled()
        let held = driver.slots(of: 1)
        let probe = held[held.count / 2]
        let name = try #require(
            (0..<200_000).lazy.map { "org-\($0)" }.first { driver.slot(of: $0) == probe }
        )
        let key = driver.generate(name, at: 2)
        driver.assign([probe], to: 2)
        #expect(driver.result(key) == .allowed)
        driver.pass(milliseconds: 3000)
        #expect(driver.result(driver.generate(driver.organization(at: 1), at: 1)) == .allowed)
    }

    // MARK: Failover

    @Test func `after a failover records come from the new primary`() throws {
        let driver = try Driver.settled()
        let name = driver.organization(at: 1)
        let key = driver.generate(name, at: 1)
        #expect(driver.result(key) == .allowed)
        driver.copy(from: 1, to: 4)
        driver.revoke(name, at: 4)
        driver.cutOff(1)
        driver.assign(driver.slots(of: 1), to: 4, inViewOf: Array(2...9))
        driver.pass(milliseconds: 1200)
        #expect(driver.result(key) == .revoked)
        let other = driver.generate(driver.organization(at: 1, 1), at: 4)
        #expect(driver.result(other) == .allowed)
        #expect(driver.atOnce(other)?.source == .cache)
    }

    /// The first primary is lost once a key is cached, and the key is revoked at the fourth, which takes over. What that one
    /// says waits.
    private func takenOver(_ directives: String) throws -> (driver: Driver, key: [UInt8]) {
        let driver = try Driver.settled(directives)
        let name = driver.organization(at: 1)
        let key = driver.generate(name, at: 1)
        #expect(driver.result(key) == .allowed)
        driver.copy(from: 1, to: 4)
        driver.revoke(name, at: 4)
        driver.held = [Driver.endpoint(4)]
        driver.cutOff(1)
        driver.assign(driver.slots(of: 1), to: 4, inViewOf: Array(2...9))
        return (driver, key)
    }

    /// Delivers what the fourth says until it is known to send invalidations. Nothing is done about that yet.
    private func untilTracking(_ driver: Driver, invalidations: Bool? = nil) {
        for _ in 1...400 {
            driver.deliverHeld(4, invalidations: invalidations)
            if driver.isTracking(4) { return }
            driver.pass(milliseconds: 5)
        }
        Issue.record("no invalidations")
    }

    @Test func `a strict check is not decided by what a former primary has said`() throws {
        let (driver, key) = try takenOver("latchkey_consistency strict; latchkey_lease 5s;")
        for _ in 1...200 {
            driver.deliverHeld(4, invalidations: false)
            driver.pass(milliseconds: 5)
        }
        untilTracking(driver)
        guard case .waiting = driver.gatekeeper.check(key.span, request: 1, at: driver.now) else {
            Issue.record("it does not wait")
            return
        }
        driver.pass(milliseconds: 5)
        driver.release(4)
        #expect(driver.gatekeeper.nextDecision()?.decision.result == .revoked)
    }

    @Test func `a request that a former primary's record admits ends with its key`() throws {
        let (driver, key) = try takenOver("latchkey_outage_grace 10s;")
        untilTracking(driver, invalidations: true)
        let decision = try #require(driver.atOnce(key))
        _ = driver.gatekeeper.openStream(7, decision.locator!, try #require(decision.streamKey))
        driver.pass(milliseconds: 5)
        driver.release(4)
        driver.pass(milliseconds: 2000)
        #expect(driver.gatekeeper.nextEndedStream() == 7)
    }

    @Test func `records of other primaries stay cached through a failover`() throws {
        let driver = try Driver.settled("latchkey_lease 5s;")
        let key = driver.generate(driver.organization(at: 1), at: 1)
        #expect(driver.result(key) == .allowed)
        let list = driver.servers.keys.first { !driver.servers[$0]!.store.members.isEmpty }
        let failed = [1, 2, 3].first { Driver.endpoint($0) != list && $0 != 1 }!
        driver.copy(from: failed, to: 4)
        driver.cutOff(failed)
        driver.assign(
            driver.slots(of: failed),
            to: 4,
            inViewOf: [1, 2, 3, 4].filter { $0 != failed }
        )
        driver.pass(milliseconds: 2000)
        #expect(driver.atOnce(key)?.source == .cache)
    }

    @Test func `grace covers a failover, and is not begun anew`() throws {
        let driver = try Driver.settled("latchkey_outage_grace 3s;")
        let key = driver.generate(driver.organization(at: 1), at: 1)
        #expect(driver.result(key) == .allowed)
        driver.cutOff(1)
        driver.pass(milliseconds: 1500)
        #expect(driver.atOnce(key)?.source == .grace)
        driver.servers[Driver.endpoint(4)]!.isReachable = false
        driver.assign(driver.slots(of: 1), to: 4, inViewOf: Array(2...9))
        driver.pass(milliseconds: 1000)
        #expect(driver.atOnce(key)?.source == .grace)
        driver.pass(milliseconds: 2000)
        #expect(driver.atOnce(key)?.result != .allowed)
    }

    // MARK: The membership list

    private func list(_ driver: Driver) -> Int {
        (1...9).first { number in
            !driver.servers[Driver.endpoint(number)]!.store.members.isEmpty
        } ?? 0
    }

    @Test func `this worker is a member at the primary that holds the list`() throws {
        let driver = try Driver.settled()
        #expect(list(driver) == 3)
        #expect(MembershipCommands.slot.number == 15_195)
    }

    @Test func `when the list's primary is replaced nothing is trusted before the entry is found`()
        throws
    {
        let driver = try Driver.settled("latchkey_lease 5s;")
        let key = driver.generate(driver.organization(at: 1), at: 1)
        #expect(driver.result(key) == .allowed)
        driver.cutOff(3)
        driver.assign(driver.slots(of: 3), to: 4, inViewOf: [1, 2, 4])
        driver.held = [Driver.endpoint(4)]
        driver.pass(milliseconds: 1000)
        #expect(driver.atOnce(key)?.source != .cache)
        driver.release(4)
        driver.pass(milliseconds: 2000)
        #expect(driver.servers[Driver.endpoint(4)]!.store.members.count == 1)
        #expect(driver.result(key) == .allowed)
        #expect(driver.atOnce(key)?.source == .cache)
    }

    @Test func `a flush of the list's primary voids the entry, of another one only its records`()
        throws
    {
        let driver = try Driver.settled()
        let key = driver.generate(driver.organization(at: 1), at: 1)
        #expect(driver.result(key) == .allowed)
        driver.sendInvalidationOfAll(from: 2)
        #expect(driver.atOnce(key)?.source == .cache)
        driver.sendInvalidationOfAll(from: 1)
        #expect(driver.atOnce(key) == nil)
        #expect(driver.result(key) == .allowed)
        #expect(driver.atOnce(key)?.source == .cache)
        driver.sendInvalidationOfAll(from: 3)
        #expect(driver.atOnce(key) == nil)
    }

    @Test func `a few primaries that never answer do not take the place of others`() throws {
        let driver = try Driver.settled(primaries: 9)
        driver.held = [Driver.endpoint(1), Driver.endpoint(2), Driver.endpoint(3)]
        driver.pass(milliseconds: 5000)
        for number in 4...9 {
            let key = driver.generate(driver.organization(at: number), at: number)
            #expect(driver.result(key) == .allowed, "\(number)")
        }
    }
}

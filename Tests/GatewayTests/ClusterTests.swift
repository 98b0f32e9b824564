import KeyFormat
import Keyring
import RedisClient
import Testing

@testable import Gateway

/// How a gatekeeper reads records from a cluster, and follows its slots.
struct ClusterTests {
    private typealias Driver = ClusterDriver

    // MARK: The map

    @Test func `a record is read from the primary that holds its slot`() throws {
        let driver = try Driver.settled()
        for number in 1...3 {
            let name = driver.organization(at: number)
            let key = driver.generate(name, at: number)
            #expect(driver.result(key) == .allowed)
            #expect(driver.atOnce(key)?.source == .cache)
        }
    }

    @Test func `a seed that does not answer costs no more than its timeout`() throws {
        let driver = try Driver()
        driver.pass(milliseconds: 700)
        #expect(driver.opened.contains(Driver.seed))
        let name = driver.organization(at: 2)
        #expect(driver.result(driver.generate(name, at: 2)) == .allowed)
    }

    @Test func `without a map a check waits, and no server that is unknown is connected`() throws {
        let driver = try Driver()
        driver.servers[Driver.endpoint(1)]!.isReachable = false
        driver.pass(milliseconds: 1500)
        let key = driver.generate(driver.organization(at: 2), at: 2)
        #expect(driver.result(key) == nil)
        #expect(!driver.opened.contains(Driver.endpoint(2)))
        let line = "no server of the cluster returned a usable slot map: the last one at "
        #expect(driver.lines.contains { $0.text.hasPrefix(line) && $0.level == .error })
        driver.servers[Driver.endpoint(1)]!.isReachable = true
        driver.pass(milliseconds: 700)
        #expect(driver.result(key) == .allowed)
    }

    @Test func `a server that knows no slots gives no map`() throws {
        let driver = try Driver()
        let owners = driver.servers[Driver.endpoint(1)]!.owners
        driver.servers[Driver.endpoint(1)]!.owners = owners.map { _ in nil }
        driver.servers[Driver.seed] = driver.servers[Driver.endpoint(1)]
        driver.pass(milliseconds: 1500)
        #expect(driver.lines.contains { $0.text.hasSuffix("it knows no primary that holds slots") })
        driver.servers[Driver.endpoint(1)]!.owners = owners
        driver.pass(milliseconds: 1000)
        #expect(driver.result(driver.generate(driver.organization(at: 3), at: 3)) == .allowed)
    }

    @Test(arguments: [1, 2])
    func `fewer than three primaries decide nothing, because they elect nobody`(count: Int) throws {
        let driver = try Driver.settled(primaries: count)
        let key = driver.generate(driver.organization(at: 1), at: 1)
        #expect(driver.result(key) == nil)
        let driverAgain = try Driver(primaries: count)
        driverAgain.pass(milliseconds: 700)
        #expect(driverAgain.lines.contains { $0.text.contains("fewer than 3 cannot elect one") })
    }

    @Test func `the map is asked for once a second, from one primary in turn`() throws {
        let driver = try Driver.settled("latchkey_lease 10s;")
        driver.clearCommands()
        driver.pass(milliseconds: 6000, step: 50)
        for number in 1...3 {
            let asked = driver.commands[Driver.endpoint(number)]!.count { $0[0] == "CLUSTER" }
            #expect((1...3).contains(asked))
        }
    }

    // MARK: Moves

    @Test func `MOVED leads to the server that it names, which is cached from then on`() throws {
        let driver = try Driver.settled()
        let name = driver.organization(at: 1)
        let key = driver.generate(name, at: 2)
        driver.assign([driver.slot(of: name)], to: 2)
        #expect(driver.result(key) == .allowed)
        #expect(driver.atOnce(key)?.source == .cache)
    }

    @Test func `MOVED to a server that is new makes the gatekeeper connect to it`() throws {
        let driver = try Driver.settled()
        let name = driver.organization(at: 1)
        let key = driver.generate(name, at: 7)
        driver.assign([driver.slot(of: name)], to: 7)
        _ = driver.result(key)
        driver.pass(milliseconds: 600)
        #expect(driver.result(key) == .allowed)
        driver.pass(milliseconds: 600)
        #expect(driver.atOnce(key)?.source == .cache)
    }

    @Test func `a slot that was taken by force is forgotten with the next map`() throws {
        let driver = try Driver.settled()
        let name = driver.organization(at: 1)
        let key = driver.generate(name, at: 1)
        #expect(driver.result(key) == .allowed)
        driver.copy(from: 1, to: 2)
        driver.revoke(name, at: 2)
        driver.assign([driver.slot(of: name)], to: 2)
        driver.pass(milliseconds: 1100)
        #expect(driver.result(key) == .revoked)
    }

    @Test func `other slots stay cached when one moves`() throws {
        let driver = try Driver.settled()
        let names = [driver.organization(at: 1), driver.organization(at: 1, 1)]
        let keys = names.map { driver.generate($0, at: 1) }
        for key in keys { #expect(driver.result(key) == .allowed) }
        driver.copy(from: 1, to: 2)
        driver.assign([driver.slot(of: names[0])], to: 2)
        driver.pass(milliseconds: 1100)
        #expect(driver.atOnce(keys[0]) == nil)
        #expect(driver.atOnce(keys[1])?.source == .cache)
    }

    @Test func `servers that send a read to and fro do not make it loop`() throws {
        let driver = try Driver.settled()
        let name = driver.organization(at: 1)
        let key = driver.generate(name, at: 1)
        driver.assign([driver.slot(of: name)], to: 2, inViewOf: [1])
        driver.clearCommands()
        driver.assign([driver.slot(of: name)], to: 1, inViewOf: [2])
        #expect(driver.result(key) == nil)
        let reads = driver.commands.values.joined().count { $0[0] == "HMGET" && $0.count > 3 }
        #expect(reads < 20)
    }

    @Test func `no signal is acknowledged before its sender has said which slots it holds`() throws
    {
        let driver = try Driver.settled()
        let moved = driver.organization(at: 1)
        let key = driver.generate(moved, at: 1)
        #expect(driver.result(key) == .allowed)
        driver.reconnect(2)
        driver.assign([driver.slot(of: moved)], to: 2, inViewOf: [2])
        driver.held = [Driver.endpoint(2)]
        let barrier = Driver.barrier(driver.organization(at: 2))
        driver.pass(milliseconds: 50)
        driver.clearCommands()
        driver.release(2)
        driver.sendInvalidation(of: [barrier], from: 2)
        driver.pass(milliseconds: 50)
        driver.sendInvalidation(of: [barrier], from: 2)
        let sent = driver.commands[Driver.endpoint(2)] ?? []
        let asked = sent.firstIndex { $0[0] == "CLUSTER" }
        let acknowledged = sent.firstIndex { $0[0] == "RPUSH" }
        #expect(try #require(asked) < #require(acknowledged))
        #expect(driver.atOnce(key) == nil)
    }

    @Test func `servers that know no map any more do not keep others from being asked`() throws {
        let driver = try Driver.settled()
        driver.cutOff(1)
        driver.cutOff(2)
        let owners = (0..<Slot.count).map { Driver.endpoint(4 + $0 * 3 / Slot.count) }
        for number in 4...6 { driver.servers[Driver.endpoint(number)]!.owners = owners }
        driver.servers[Driver.seed] = driver.servers[Driver.endpoint(4)]
        driver.servers[Driver.endpoint(3)]!.owners = owners.map { _ in nil }
        driver.servers[Driver.endpoint(3)]!.isDown = true
        driver.pass(milliseconds: 9000)
        let name = driver.organization(at: 1)
        let holder = (4...6).first { owners[driver.slot(of: name)] == Driver.endpoint($0) }!
        #expect(driver.result(driver.generate(name, at: holder)) == .allowed)
    }

    @Test func `a server that gives no map does not keep others from being asked`() throws {
        let driver = try Driver.settled()
        driver.servers[Driver.endpoint(2)]!.denied = ["CLUSTER"]
        driver.reconnect(2)
        driver.pass(milliseconds: 300)
        driver.cutOff(1)
        driver.assign(driver.slots(of: 1), to: 4, inViewOf: Array(2...9))
        driver.pass(milliseconds: 1200)
        #expect(driver.result(driver.generate(driver.organization(at: 1), at: 4)) == .allowed)
    }

    @Test func `a replica that has joined since is asked once all primaries are gone`() throws {
        let driver = try Driver.settled()
        driver.servers[Driver.endpoint(1)]!.replica = 8
        driver.pass(milliseconds: 3000, step: 50)
        for number in 1...3 { driver.cutOff(number) }
        driver.pass(milliseconds: 3000, step: 50)
        #expect(driver.opened.contains(Driver.endpoint(8)))
    }

    @Test func `a seed that can be asked is not asked more often than its answers are new`() throws
    {
        let driver = try Driver.settled()
        driver.servers[Driver.seed] = driver.servers[Driver.endpoint(1)]
        for number in 1...3 { driver.cutOff(number) }
        driver.clearCommands()
        driver.pass(milliseconds: 3000)
        let asked = driver.commands[Driver.seed]!.count { $0[0] == "CLUSTER" }
        #expect((1...36).contains(asked))
    }

    // MARK: A slot on its way

    @Test func `ASK is followed for one read, and its reply is not kept`() throws {
        let driver = try Driver.settled()
        let name = driver.organization(at: 1)
        let key = driver.generate(name, at: 2)
        driver.servers[Driver.endpoint(1)]!.migrating[driver.slot(of: name)] = Driver.endpoint(2)
        #expect(driver.result(key) == .allowed)
        #expect(driver.atOnce(key) == nil)
        driver.revoke(name, at: 2)
        #expect(driver.result(key) == .revoked)
    }

    @Test
    func `ASK leads to a server that holds no slots yet, and that stays no longer than needed`()
        throws
    {
        let driver = try Driver.settled()
        let name = driver.organization(at: 1)
        let key = driver.generate(name, at: 7)
        driver.servers[Driver.endpoint(1)]!.migrating[driver.slot(of: name)] = Driver.endpoint(7)
        _ = driver.result(key)
        driver.pass(milliseconds: 100)
        #expect(driver.result(key) == .allowed)
        driver.servers[Driver.endpoint(1)]!.migrating = [:]
        driver.pass(milliseconds: 12_000, step: 50)
        driver.cutOff(7)
        #expect(!driver.lines.contains { $0.text.contains("10.0.0.7:7000: connection lost") })
    }

    @Test func `what ASK has led to decides only while the primary that said so is attested`()
        throws
    {
        let driver = try Driver.settled()
        let name = driver.organization(at: 1)
        let key = driver.generate(name, at: 2)
        driver.servers[Driver.endpoint(1)]!.migrating[driver.slot(of: name)] = Driver.endpoint(2)
        driver.assign(driver.slots(of: 1), to: 4, inViewOf: [2, 3])
        driver.held = [Driver.endpoint(4)]
        driver.pass(milliseconds: 1100)
        #expect(driver.result(key) != .allowed)
    }

    @Test func `a server that does not let a gateway follow ASK is reported`() throws {
        let driver = try Driver.settled()
        let name = driver.organization(at: 1)
        let key = driver.generate(name, at: 2)
        driver.servers[Driver.endpoint(1)]!.migrating[driver.slot(of: name)] = Driver.endpoint(2)
        driver.servers[Driver.endpoint(2)]!.denied = ["ASKING"]
        #expect(driver.result(key) != .allowed)
        let line = "records that are being moved are not read: NOPERM no permission"
        #expect(driver.lines.contains { $0.level == .error && $0.text == line })
    }

    @Test func `a primary that gives no map is reported, as it gets no acknowledgements`() throws {
        let driver = try Driver()
        driver.servers[Driver.endpoint(2)]!.denied = ["CLUSTER"]
        driver.pass(milliseconds: 700)
        let line = "no change at the store at 10.0.0.2:7000 is acknowledged: it returned no usable"
        #expect(driver.lines.contains { $0.level == .warning && $0.text.hasPrefix(line) })
        #expect(!driver.lines.contains { $0.text.contains("10.0.0.3:7000 is acknowledged") })
    }

    @Test func `a worker that may not commit its entry says why`() throws {
        let driver = try Driver()
        for number in 1...3 { driver.servers[Driver.endpoint(number)]!.denied = ["EXEC"] }
        driver.pass(milliseconds: 700)
        let line = "is not in the membership list, so every check reads the store: EXECABORT"
        #expect(driver.lines.contains { $0.text.contains(line) && $0.text.contains("NOPERM") })
    }

    @Test func `while the cluster is down checks wait`() throws {
        let driver = try Driver.settled()
        let key = driver.generate(driver.organization(at: 1), at: 1)
        for number in 1...3 { driver.servers[Driver.endpoint(number)]!.isDown = true }
        #expect(driver.result(key) == nil)
        for number in 1...3 { driver.servers[Driver.endpoint(number)]!.isDown = false }
        driver.pass(milliseconds: 300)
        #expect(driver.result(key) == .allowed)
    }

    @Test func `slots that nobody holds are reported, and why their records are not read`() throws {
        let driver = try Driver.settled()
        let name = driver.organization(at: 2)
        let (key, slot) = (driver.generate(name, at: 2), driver.slot(of: name))
        for number in 1...9 { driver.servers[Driver.endpoint(number)]!.owners[slot] = nil }
        driver.pass(milliseconds: 1500)
        let line = "slots of the cluster without a primary: 1, the lowest is \(slot)"
        #expect(driver.lines.contains { $0.level == .error && $0.text == line })
        #expect(driver.waited(for: key) == .unavailable)
        let reason = "no record of slot \(slot) is read: no primary is known to hold it"
        #expect(driver.lines.contains { $0.level == .error && $0.text == reason })
        driver.assign([slot], to: 2)
        driver.pass(milliseconds: 2500)
        #expect(driver.lines.contains { $0.text == "all slots of the cluster have a primary" })
        #expect(driver.result(key) == .allowed)
    }

    @Test func `a server that does not read the records of a slot is reported`() throws {
        let driver = try Driver.settled()
        let name = driver.organization(at: 2)
        let key = driver.generate(name, at: 2)
        driver.servers[Driver.endpoint(2)]!.isDown = true
        #expect(driver.waited(for: key) == .unavailable)
        let line =
            "no record of slot \(driver.slot(of: name)) is read: the store at 10.0.0.2:7000: CLUSTERDOWN"
        #expect(driver.lines.contains { $0.level == .error && $0.text.hasPrefix(line) })
    }

    @Test(arguments: [true, false])
    func `a membership list that is refused for long is reported`(isOpen: Bool) throws {
        let driver = try Driver.settled()
        let slot = MembershipCommands.slot.number
        for number in 1...9 {
            let server = Driver.endpoint(number)
            if isOpen {
                driver.servers[server]!.store.removeMembers()
                driver.servers[server]!.migrating[slot] = Driver.endpoint(9)
            }
            if !isOpen { driver.servers[server]!.owners[slot] = nil }
        }
        driver.pass(milliseconds: 3000)
        let reason =
            isOpen
            ? "every check reads the store: ASK \(slot)"
            : "the lowest is \(slot): this worker is not"
        #expect(driver.lines.contains { $0.level == .error && $0.text.contains(reason) })
    }

    @Test func `a lack of a map is reported again, with what is the reason by then`() throws {
        let driver = try Driver()
        driver.servers[Driver.endpoint(1)]!.isReachable = false
        driver.pass(milliseconds: 2000)
        #expect(driver.lines.count { $0.text.contains("no server of the cluster returned") } == 1)
        driver.servers[Driver.endpoint(1)]!.isReachable = true
        driver.servers[Driver.endpoint(1)]!.denied = ["CLUSTER"]
        driver.servers[Driver.seed] = driver.servers[Driver.endpoint(1)]
        driver.pass(milliseconds: 61_000)
        #expect(
            driver.lines.contains {
                $0.text.contains("usable slot map: ") && $0.text.contains("NOPERM")
            }
        )
    }
}

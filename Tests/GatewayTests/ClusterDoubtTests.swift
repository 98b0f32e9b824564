import KeyFormat
import Keyring
import RedisClient
import Testing

@testable import Gateway

/// A server reports a record that the gatekeeper's map gives to another one.
struct ClusterDoubtTests {
    private typealias Driver = ClusterDriver

    /// A key of the first primary was cached. The fourth server took over from that one, and gave the key's slot to the second,
    /// where the key was revoked. The lease is not over: the others attested the first primary a moment ago.
    private func takenOver(knownTo viewers: [Int]) throws
        -> (driver: Driver, name: String, key: [UInt8])
    {
        let driver = try Driver.settled("latchkey_lease 10s;")
        let name = driver.organization(at: 1)
        let key = driver.generate(name, at: 1)
        #expect(driver.result(key) == .allowed)
        replaceFirst(of: driver, revoking: name, knownTo: viewers)
        return (driver, name, key)
    }

    private func replaceFirst(of driver: Driver, revoking name: String, knownTo viewers: [Int]) {
        driver.copy(from: 1, to: 2)
        driver.revoke(name, at: 2)
        let slots = driver.slots(of: 1)
        driver.assign(slots, to: 4, inViewOf: viewers)
        driver.assign([driver.slot(of: name)], to: 2, inViewOf: viewers)
    }

    /// Asks again and again for less than the lease. Returns whether a key was ever accepted.
    private func isEverAllowed(_ key: [UInt8], _ driver: Driver, milliseconds: Int = 400) -> Bool {
        for _ in 0..<milliseconds / 50 {
            if driver.result(key) == .allowed { return true }
            driver.pass(milliseconds: 50)
        }
        return false
    }

    /// Has the map asked for of all servers in turn.
    private func askForMaps(_ driver: Driver) {
        for _ in 0..<8 {
            driver.gatekeeper.cluster.reader.requestMap()
            driver.pass(milliseconds: 40)
        }
    }

    @Test(arguments: [[2], [2, 3]])
    func `where another server tells of a record, the one before decides nothing of it`(
        silent: [Int]
    ) throws {
        let (driver, name, key) = try takenOver(knownTo: [2, 3, 4])
        driver.held = Set(silent.map(Driver.endpoint))
        let changes = driver.gatekeeper.readMetrics().mapChanges
        driver.sendInvalidation(of: [Driver.barrier(name)], from: 2)
        let isAllowed = isEverAllowed(key, driver)
        #expect(!isAllowed)
        for number in silent { driver.release(number) }
        driver.pass(milliseconds: 100)
        #expect(driver.result(key) == .revoked)
        #expect(driver.gatekeeper.readMetrics().mapChanges == changes + 1)
    }

    @Test func `a server that a slot is moved to tells of a record, and the slot stays`() throws {
        let driver = try Driver.settled()
        let name = driver.organization(at: 1)
        let key = driver.generate(name, at: 1)
        driver.sendInvalidation(of: [Driver.barrier(name)], from: 2)
        driver.pass(milliseconds: 50)
        #expect(driver.result(key) == .allowed)
        #expect(driver.atOnce(key)?.source == .cache)
    }

    @Test func `a third server that has not heard of it does not bring the one before back`() throws
    {
        let (driver, name, key) = try takenOver(knownTo: [2])
        driver.held = [Driver.endpoint(2)]
        driver.sendInvalidation(of: [Driver.barrier(name)], from: 2)
        let isAllowed = isEverAllowed(key, driver, milliseconds: 3000)
        #expect(!isAllowed)
    }

    @Test func `nor does the one before, asked as a seed`() throws {
        let (driver, name, key) = try takenOver(knownTo: [2, 3, 4])
        driver.held = [Driver.endpoint(2), Driver.endpoint(3)]
        driver.sendInvalidation(of: [Driver.barrier(name)], from: 2)
        for number in [1, 2, 3] { driver.reconnect(number) }
        let isAllowed = isEverAllowed(key, driver, milliseconds: 3000)
        #expect(!isAllowed)
    }

    @Test func `nor does a refusal that names it`() throws {
        let driver = try Driver.settled("latchkey_lease 10s;")
        let name = driver.organization(at: 3)
        let key = driver.generate(name, at: 1)
        let slot = driver.slot(of: name)
        driver.assign([slot], to: 1, inViewOf: [1, 3])
        driver.held = [Driver.endpoint(3)]
        #expect(driver.result(key) == nil)
        replaceFirst(of: driver, revoking: name, knownTo: [2, 4])
        driver.held = [Driver.endpoint(2), Driver.endpoint(3)]
        driver.sendInvalidation(of: [Driver.barrier(name)], from: 2)
        driver.deliverHeld(3)
        let isAllowed = isEverAllowed(key, driver)
        #expect(!isAllowed)
        driver.servers[Driver.endpoint(3)]!.owners = driver.servers[Driver.endpoint(2)]!.owners
        for number in [2, 3] { driver.release(number) }
        driver.pass(milliseconds: 1000)
        #expect(driver.result(key) == .revoked)
    }

    /// A third server reports a move to the second, and does not know that the fourth took over from the first before: the map
    /// has the first for its other slots. The key is valid at both.
    private func heardOfMoveAlone() throws -> (driver: Driver, name: String, key: [UInt8]) {
        let driver = try Driver.settled("latchkey_lease 10s;")
        driver.pass(milliseconds: 10_000, step: 100)
        let name = driver.organization(at: 1)
        let slot = [driver.slot(of: name)]
        let key = driver.generate(name, at: 1)
        driver.copy(from: 1, to: 2)
        driver.assign(driver.slots(of: 1), to: 4, inViewOf: [2, 4])
        driver.assign(slot, to: 2, inViewOf: [2, 3, 4])
        for number in [1, 2] { driver.servers[Driver.endpoint(number)]!.denied = ["CLUSTER"] }
        driver.pass(milliseconds: 4000)
        driver.clearCommands()
        #expect(driver.result(key) == .allowed)
        #expect(driver.commands[Driver.endpoint(2)]?.contains { $0[0] == "HMGET" } == true)
        return (driver, name, key)
    }

    @Test func `who has told of a record lately does not lose it by another one's word`() throws {
        let (driver, name, key) = try heardOfMoveAlone()
        driver.revoke(name, at: 2)
        driver.sendInvalidation(of: [Driver.barrier(name)], from: 2)
        driver.servers[Driver.endpoint(1)]!.denied = []
        let isAllowed = isEverAllowed(key, driver, milliseconds: 3000)
        #expect(!isAllowed)
    }

    @Test func `nor does who may have told of it on a connection before`() throws {
        let (driver, name, key) = try heardOfMoveAlone()
        driver.servers[Driver.endpoint(2)]!.denied = []
        driver.held = [Driver.endpoint(2)]
        driver.reconnect(2)
        driver.revoke(name, at: 2)
        driver.clearCommands()
        let second = Driver.endpoint(2)
        let isAsked = { driver.commands[second]?.contains { $0[0] == "CLUSTER" } == true }
        for _ in 0..<50 where !isAsked() {
            driver.deliverHeld(2)
            driver.pass(milliseconds: 10)
        }
        #expect(isAsked())
        askForMaps(driver)
        driver.release(2)
        driver.servers[Driver.endpoint(2)]!.denied = ["CLUSTER"]
        driver.servers[Driver.endpoint(1)]!.denied = []
        askForMaps(driver)
        let isAllowed = isEverAllowed(key, driver, milliseconds: 2000)
        #expect(!isAllowed)
    }

    @Test func `nor by the word of a former primary that tells of it, too`() throws {
        let (driver, name, key) = try heardOfMoveAlone()
        driver.servers[Driver.endpoint(1)]!.denied = []
        driver.held = [Driver.endpoint(1)]
        driver.sendInvalidation(of: [Driver.barrier(name)], from: 1)
        driver.revoke(name, at: 2)
        driver.sendInvalidation(of: [Driver.barrier(name)], from: 2)
        driver.release(1)
        let isAllowed = isEverAllowed(key, driver, milliseconds: 2000)
        #expect(!isAllowed)
    }

    @Test func `nor does what a holder refused before it told of the record`() throws {
        let driver = try Driver.settled("latchkey_lease 10s;")
        let name = driver.organization(at: 2)
        let slot = driver.slot(of: name)
        let key = driver.generate(name, at: 1)
        driver.assign([slot], to: 1, inViewOf: [1, 2])
        driver.held = [Driver.endpoint(2)]
        #expect(driver.result(key) == nil)
        replaceFirst(of: driver, revoking: name, knownTo: [2, 4])
        driver.sendInvalidation(of: [Driver.barrier(name)], from: 2)
        driver.deliverHeld(2, invalidations: false)
        let isAllowed = isEverAllowed(key, driver)
        #expect(!isAllowed)
        driver.servers[Driver.endpoint(3)]!.owners = driver.servers[Driver.endpoint(2)]!.owners
        driver.release(2)
        driver.pass(milliseconds: 1000)
        #expect(driver.result(key) == .revoked)
    }

    @Test func `nor an answer from before that, whatever else was told since`() throws {
        let driver = try Driver.settled("latchkey_lease 10s;")
        let name = driver.organization(at: 1)
        let key = driver.generate(name, at: 1)
        driver.pass(milliseconds: 200)
        driver.held = [Driver.endpoint(2)]
        driver.sendInvalidation(of: [Driver.barrier(driver.organization(at: 1, 1))], from: 2)
        driver.pass(milliseconds: 10)
        replaceFirst(of: driver, revoking: name, knownTo: [2, 3, 4])
        driver.sendInvalidation(of: [Driver.barrier(name)], from: 2)
        let slot = try #require(Slot(driver.slot(of: name)))
        let former = try #require(driver.gatekeeper.cluster.seats.place(of: Driver.endpoint(1)))
        let first = CollectionOfOne(slot)
        driver.gatekeeper.slotsReported(first, by: former, after: 0, driver.now.monotonic)
        driver.deliverHeld(2, invalidations: false)
        let isAllowed = isEverAllowed(key, driver)
        #expect(!isAllowed)
    }

    @Test func `nor by that of a third server that tells of it, too`() throws {
        let driver = try Driver.settled("latchkey_lease 10s;", primaries: 5)
        let name = driver.organization(at: 2)
        let key = driver.generate(name, at: 1)
        driver.assign([driver.slot(of: name)], to: 1, inViewOf: [1, 3])
        driver.held = Set((2...5).map(Driver.endpoint))
        for number in [3, 2] {
            driver.sendInvalidation(of: [Driver.barrier(name)], from: number)
            driver.pass(milliseconds: 30)
        }
        driver.release(3)
        let third = driver.gatekeeper.cluster.seats.place(of: Driver.endpoint(3))
        driver.gatekeeper.cluster.reader.requestMap(from: third)
        let isAllowed = isEverAllowed(key, driver)
        #expect(!isAllowed)
    }

    @Test func `a doubt that nobody ends is over after a lease`() throws {
        let driver = try Driver.settled("latchkey_lease 2s;")
        let name = driver.organization(at: 1)
        let slot = driver.slot(of: name)
        driver.sendInvalidation(of: [Driver.barrier(name)], from: 2)
        for number in 1...9 { driver.servers[Driver.endpoint(number)]!.owners[slot] = nil }
        driver.pass(milliseconds: 2100)
        driver.clearCommands()
        driver.pass(milliseconds: 3000)
        let asked = (1...3).map { number in
            driver.commands[Driver.endpoint(number)]!.count { $0[0] == "CLUSTER" }
        }
        #expect((1...6).contains(asked.reduce(0, +)))
    }

    @Test func `doubts that last do not take all the questions`() throws {
        let driver = try Driver.settled("latchkey_lease 10s;", primaries: 5)
        let lasting = (0..<8).map { driver.organization(at: 1, $0) }
        let name = driver.organization(at: 4)
        for slot in lasting.map(driver.slot) {
            for number in 1...9 { driver.servers[Driver.endpoint(number)]!.owners[slot] = nil }
        }
        driver.sendInvalidation(of: lasting.map(Driver.barrier), from: 2)
        driver.pass(milliseconds: 500)
        let key = driver.generate(name, at: 5)
        driver.assign([driver.slot(of: name)], to: 5)
        driver.clearCommands()
        driver.sendInvalidation(of: [Driver.barrier(name)], from: 5)
        driver.pass(milliseconds: 200)
        #expect(driver.commands[Driver.endpoint(4)]?.contains { $0[0] == "CLUSTER" } == true)
        #expect(driver.result(key) == .allowed)
    }

    @Test func `of a slot that nobody held, no single server decides`() throws {
        let driver = try Driver.settled("latchkey_lease 10s;")
        let name = driver.organization(at: 1)
        let slot = driver.slot(of: name)
        let key = driver.generate(name, at: 1)
        for number in 1...9 { driver.servers[Driver.endpoint(number)]!.owners[slot] = nil }
        driver.pass(milliseconds: 12_000, step: 100)
        driver.held = [Driver.endpoint(3)]
        driver.assign([slot], to: 1, inViewOf: [1, 2])
        driver.sendInvalidation(of: [Driver.barrier(name)], from: 2)
        let isAllowed = isEverAllowed(key, driver)
        #expect(!isAllowed)
        driver.assign([slot], to: 1, inViewOf: [3])
        driver.release(3)
        driver.pass(milliseconds: 1500)
        #expect(driver.result(key) == .allowed)
    }

    @Test func `what both servers of a move tell needs no word of the others`() throws {
        let driver = try Driver.settled("latchkey_lease 10s;")
        let name = driver.organization(at: 1)
        let key = driver.generate(name, at: 1)
        driver.clearCommands()
        driver.held = [Driver.endpoint(2)]
        for number in [2, 1] {
            driver.sendInvalidation(of: [Driver.barrier(name)], from: number)
        }
        driver.release(2)
        driver.pass(milliseconds: 300)
        #expect(driver.result(key) == .allowed)
        #expect(driver.commands[Driver.endpoint(3)]?.contains { $0[0] == "HMGET" } != true)
    }

    @Test func `where two others tell of a record, a majority decides who holds it`() throws {
        let driver = try Driver.settled("latchkey_lease 10s;", primaries: 5)
        let name = driver.organization(at: 1)
        let key = driver.generate(name, at: 1)
        driver.held = Set((2...5).map(Driver.endpoint))
        for number in [2, 3] {
            driver.sendInvalidation(of: [Driver.barrier(name)], from: number)
        }
        for number in [2, 3] { driver.release(number) }
        let isAllowed = isEverAllowed(key, driver)
        #expect(!isAllowed)
        for number in [4, 5] { driver.release(number) }
        driver.pass(milliseconds: 1000)
        #expect(driver.result(key) == .allowed)
    }

    @Test func `without the server that told, a majority that names the holder anew is enough`()
        throws
    {
        let driver = try Driver.settled(primaries: 5)
        let name = driver.organization(at: 1)
        let key = driver.generate(name, at: 1)
        driver.sendInvalidation(of: [Driver.barrier(name)], from: 2)
        driver.cutOff(2)
        driver.pass(milliseconds: 2000)
        #expect(driver.result(key) == .allowed)
    }

    @Test func `a server that slots are moved to, and that holds none yet, is asked itself`() throws
    {
        let driver = try Driver.settled("latchkey_lease 10s;")
        let names = [driver.organization(at: 1), driver.organization(at: 1, 1)]
        let moved = driver.generate(names[0], at: 7)
        let other = driver.generate(names[1], at: 1)
        driver.servers[Driver.endpoint(1)]!.migrating[driver.slot(of: names[0])] =
            Driver.endpoint(7)
        _ = driver.result(moved)
        driver.pass(milliseconds: 100)
        #expect(driver.result(moved) == .allowed)
        driver.sendInvalidation(of: [Driver.barrier(names[1])], from: 7)
        driver.pass(milliseconds: 400)
        #expect(driver.result(other) == .allowed)
    }

    @Test func `a server that many records are moved to is asked less and less often`() throws {
        let driver = try Driver.settled("latchkey_lease 10s;")
        let name = driver.organization(at: 1)
        driver.pass(milliseconds: 1100)
        driver.clearCommands()
        for _ in 0..<200 {
            driver.sendInvalidation(of: [Driver.barrier(name)], from: 2)
            driver.pass(milliseconds: 10)
        }
        let asked = driver.commands[Driver.endpoint(2)]!.count { $0[0] == "CLUSTER" }
        #expect((5...40).contains(asked))
        driver.pass(milliseconds: 400)
        #expect(driver.result(driver.generate(name, at: 1)) == .allowed)
    }

    @Test
    func
        `a slot that a primary took by force does not go back by the word of those that have not heard of it`()
        throws
    {
        let driver = try Driver.settled()
        let name = driver.organization(at: 1)
        let key = driver.generate(name, at: 1)
        #expect(driver.result(key) == .allowed)
        driver.copy(from: 1, to: 3)
        driver.revoke(name, at: 3)
        driver.assign([driver.slot(of: name)], to: 3, inViewOf: [3])
        driver.servers[Driver.endpoint(3)]!.denied = ["CLUSTER"]
        driver.sendInvalidation(of: [Driver.barrier(name)], from: 3)
        driver.pass(milliseconds: 300)
        askForMaps(driver)
        #expect(driver.result(key) == nil)
        driver.servers[Driver.endpoint(3)]!.denied = []
        driver.assign([driver.slot(of: name)], to: 3)
        driver.pass(milliseconds: 1500)
        #expect(driver.result(key) == .revoked)
    }
}

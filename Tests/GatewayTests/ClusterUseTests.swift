import KeyFormat
import Keyring
import RedisClient
import Testing

@testable import Gateway

/// Where a gatekeeper writes the uses of keys in a cluster.
struct ClusterUseTests {
    private typealias Driver = ClusterDriver

    /// The server that holds the last uses of an organization.
    private func bucket(of name: String, _ driver: Driver) -> Int {
        let digit = Organization(name)!.locator.firstDigit
        let slot = Slot(ofTag: CollectionOfOne(digit)).number
        return (1...3).first { driver.slots(of: $0).contains(slot) }!
    }

    /// An organization whose record the first server holds, and whose last uses another one does.
    private func divided(_ driver: Driver) -> (name: String, bucket: Int) {
        let names = (0..<100).lazy.map { driver.organization(at: 1, $0) }
        let name = names.first { bucket(of: $0, driver) != 1 }!
        return (name, bucket(of: name, driver))
    }

    private func signal(_ mark: String, _ name: String) -> String {
        let id = String(repeating: "0", count: 32)
        return "latchkey:record:{\(Organization(name)!.locator)}:\(mark)\(id)"
    }

    private func count(_ command: String, at number: Int, _ driver: Driver) -> Int {
        (driver.commands[Driver.endpoint(number)] ?? []).count { $0[0] == command }
    }

    @Test func `last uses are written where their shard's slot is`() throws {
        let driver = try Driver.settled()
        let names = (1...3).flatMap { number in
            (0..<5).map { driver.organization(at: number, $0) }
        }
        for (index, name) in names.enumerated() {
            #expect(driver.result(driver.generate(name, at: 1 + index / 5)) == .allowed)
        }
        driver.pass(milliseconds: 2500)
        for name in names {
            let server = driver.servers[Driver.endpoint(bucket(of: name, driver))]!
            #expect(server.store.lastUses[Organization(name)!.locator.description] != nil)
        }
        #expect(driver.gatekeeper.unconfirmedCount == 0)
    }

    @Test func `uses wait for a primary that cannot be reached, and hold nobody else's up`() throws
    {
        let driver = try Driver.settled()
        let (name, other) = divided(driver)
        let near = (0..<100).lazy.map { driver.organization(at: 1, $0) }
            .first { bucket(of: $0, driver) == 1 }!
        let keys = [name, near].map { driver.generate($0, at: 1) }
        driver.cutOff(other)
        for key in keys { #expect(driver.result(key) != .revoked) }
        driver.pass(milliseconds: 2500)
        let locators = [name, near].map { Organization($0)!.locator.description }
        #expect(driver.servers[Driver.endpoint(1)]!.store.lastUses[locators[1]] != nil)
        driver.servers[Driver.endpoint(other)]!.isReachable = true
        driver.pass(milliseconds: 3000)
        #expect(driver.servers[Driver.endpoint(other)]!.store.lastUses[locators[0]] != nil)
    }

    @Test func `a shard whose slot stays open is reported, and its uses are written in the end`()
        throws
    {
        let driver = try Driver.settled()
        let (name, other) = divided(driver)
        driver.servers[Driver.endpoint(other)]!.migrating[usesSlot(name)] = Driver.endpoint(9)
        #expect(driver.result(driver.generate(name, at: 1)) == .allowed)
        driver.pass(milliseconds: 3500)
        let line = "last uses were not recorded: ASK \(usesSlot(name)) "
        #expect(driver.lines.contains { $0.level == .warning && $0.text.hasPrefix(line) })
        driver.servers[Driver.endpoint(other)]!.migrating = [:]
        driver.pass(milliseconds: 2500)
        #expect(driver.servers[Driver.endpoint(other)]!.store.lastUses.count == 1)
        #expect(driver.gatekeeper.unconfirmedCount == 0)
    }

    @Test func `last uses follow a slot that has moved, and nothing is reported`() throws {
        let driver = try Driver.settled()
        let (name, other) = divided(driver)
        let next = other == 3 ? 2 : 3
        driver.assign([usesSlot(name)], to: next)
        #expect(driver.result(driver.generate(name, at: 1)) == .allowed)
        driver.pass(milliseconds: 3500)
        #expect(driver.servers[Driver.endpoint(next)]!.store.lastUses.count == 1)
        #expect(driver.lines.allSatisfy { $0.level == .notice })
    }

    @Test func `a flush is acknowledged after the answer of its shard's primary`() throws {
        let driver = try Driver.settled()
        let (name, other) = divided(driver)
        let key = driver.generate(name, at: 1)
        // The first use is written at once, and the next one a second later.
        #expect(driver.result(key) == .allowed)
        #expect(driver.atOnce(key)?.result == .allowed)
        driver.clearCommands()
        driver.held = [Driver.endpoint(other)]
        driver.sendInvalidation(of: [signal("?", name)], from: 1)
        #expect(count("ZADD", at: other, driver) == 1)
        #expect(count("RPUSH", at: 1, driver) == 0)
        driver.release(other)
        #expect(count("RPUSH", at: 1, driver) == 1)
    }

    @Test func `a flush that arrives again is acknowledged once its uses are written`() throws {
        let driver = try Driver.settled()
        let (name, other) = divided(driver)
        let old = driver.generate(name, at: 1)
        _ = driver.generate(name, at: 1)
        for _ in 0..<3 { #expect(driver.result(old) == .revoked) }
        driver.clearCommands()
        driver.held = [Driver.endpoint(other)]
        for _ in 1...2 { driver.sendInvalidation(of: [signal("?", name)], from: 1) }
        #expect(count("ZINCRBY", at: other, driver) == 1)
        #expect(count("RPUSH", at: 1, driver) == 0)
        driver.release(other)
        #expect(count("RPUSH", at: 1, driver) == 1)
    }

    @Test func `a flush whose use is refused is not acknowledged`() throws {
        let driver = try Driver.settled()
        let (name, other) = divided(driver)
        let key = driver.generate(name, at: 1)
        // The first use is written at once, and the next one a second later.
        #expect(driver.result(key) == .allowed)
        #expect(driver.atOnce(key)?.result == .allowed)
        driver.servers[Driver.endpoint(other)]!.isDown = true
        driver.clearCommands()
        driver.sendInvalidation(of: [signal("?", name)], from: 1)
        #expect(count("ZADD", at: other, driver) >= 1)
        #expect(count("RPUSH", at: 1, driver) == 0)
        driver.servers[Driver.endpoint(other)]!.isDown = false
        driver.pass(milliseconds: 1500)
        driver.sendInvalidation(of: [signal("?", name)], from: 1)
        #expect(count("RPUSH", at: 1, driver) == 1)
    }

    /// A key that was used twice: the second use has not been written.
    private func useTwice(_ name: String, _ driver: Driver) {
        let key = driver.generate(name, at: 1)
        #expect(driver.result(key) == .allowed)
        #expect(driver.atOnce(key)?.result == .allowed)
        driver.clearCommands()
    }

    private func usesSlot(_ name: String) -> Int {
        Slot(ofTag: CollectionOfOne(Organization(name)!.locator.firstDigit)).number
    }

    @Test(arguments: [true, false])
    func `a flush follows a slot that has moved, also from the record's own server`(isOwn: Bool)
        throws
    {
        let driver = try Driver.settled()
        let names = (0..<100).lazy.map { driver.organization(at: 1, $0) }
        let name = names.first { (bucket(of: $0, driver) == 1) == isOwn }!
        let former = bucket(of: name, driver)
        let next = former == 3 ? 2 : 3
        useTwice(name, driver)
        driver.assign([usesSlot(name)], to: next)
        driver.held = [Driver.endpoint(next)]
        driver.sendInvalidation(of: [signal("?", name)], from: 1)
        #expect(count("ZADD", at: former, driver) == 1)
        #expect(count("ZADD", at: next, driver) == 1)
        #expect(count("RPUSH", at: 1, driver) == 0)
        driver.release(next)
        #expect(count("RPUSH", at: 1, driver) == 1)
    }

    @Test func `a flush goes where its slot is being moved to`() throws {
        let driver = try Driver.settled()
        let (name, other) = divided(driver)
        let next = other == 3 ? 2 : 3
        useTwice(name, driver)
        driver.servers[Driver.endpoint(other)]!.migrating[usesSlot(name)] = Driver.endpoint(next)
        driver.sendInvalidation(of: [signal("?", name)], from: 1)
        #expect(count("ASKING", at: next, driver) == 1)
        let locator = Organization(name)!.locator.description
        #expect(driver.servers[Driver.endpoint(next)]!.store.lastUses[locator] != nil)
        #expect(count("RPUSH", at: 1, driver) == 1)
    }

    @Test(arguments: [true, false])
    func `a flush from where the record's slot is being moved to is acknowledged there`(
        isUsed: Bool
    ) throws {
        let driver = try Driver.settled()
        let (name, other) = divided(driver)
        let next = other == 3 ? 2 : 3
        if isUsed { useTwice(name, driver) }
        driver.clearCommands()
        let slot = driver.slot(of: name)
        driver.servers[Driver.endpoint(1)]!.migrating[slot] = Driver.endpoint(next)
        driver.sendInvalidation(of: [signal("?", name)], from: next)
        #expect(count("ZADD", at: other, driver) == (isUsed ? 1 : 0))
        let lists = driver.servers[Driver.endpoint(next)]!.store.lists
        #expect(lists.values.flatMap(\.self) == [driver.gatekeeper.membership.id.description])
        #expect(count("EXPIRE", at: next, driver) == 1)
        #expect(count("ASKING", at: next, driver) == 2)
    }

    @Test func `refused uses of a flush are counted once where their slot has moved to`() throws {
        let driver = try Driver.settled()
        let (name, other) = divided(driver)
        let next = other == 3 ? 2 : 3
        let old = driver.generate(name, at: 1)
        _ = driver.generate(name, at: 1)
        for _ in 0..<3 { #expect(driver.result(old) == .revoked) }
        driver.clearCommands()
        driver.assign([usesSlot(name)], to: next)
        driver.sendInvalidation(of: [signal("?", name)], from: 1)
        #expect(count("ZINCRBY", at: next, driver) == 1)
        #expect(count("ZADD", at: next, driver) == 1)
        #expect(count("RPUSH", at: 1, driver) == 1)
        let locator = Organization(name)!.locator.description
        // The first one had been written before.
        #expect(driver.servers[Driver.endpoint(next)]!.store.counts[locator] == 2)
    }

    @Test func `a flush that is redirected in a loop is not acknowledged`() throws {
        let driver = try Driver.settled()
        let (name, other) = divided(driver)
        useTwice(name, driver)
        driver.assign([usesSlot(name)], to: 1, inViewOf: [2, 3])
        driver.assign([usesSlot(name)], to: other, inViewOf: [1])
        if other == 2 { driver.assign([usesSlot(name)], to: 1, inViewOf: [2]) }
        driver.sendInvalidation(of: [signal("?", name)], from: 1)
        #expect((1...4).contains(count("ZADD", at: other, driver)))
        #expect(count("RPUSH", at: 1, driver) == 0)
    }

    @Test func `a barrier is acknowledged where the record is, once nothing of it is cached`()
        throws
    {
        let driver = try Driver.settled()
        let name = driver.organization(at: 2)
        let key = driver.generate(name, at: 2)
        #expect(driver.result(key) == .allowed)
        driver.clearCommands()
        driver.sendInvalidation(of: [signal("", name)], from: 2)
        #expect(count("RPUSH", at: 2, driver) == 1)
        #expect(driver.atOnce(key) == nil)
    }

    @Test func `a worker that ends writes all uses, and leaves the list`() throws {
        let driver = try Driver.settled()
        let names = (1...3).map { driver.organization(at: $0) }
        for (index, name) in names.enumerated() {
            #expect(driver.result(driver.generate(name, at: index + 1)) == .allowed)
        }
        driver.gatekeeper.finish(driver.now)
        driver.run()
        #expect(driver.gatekeeper.unconfirmedCount == 0)
        #expect(driver.servers[Driver.endpoint(3)]!.store.members.isEmpty)
        let uses = driver.servers.values.map(\.store.lastUses.count).reduce(0, +)
        #expect(uses == 3)
    }

    @Test func `a worker that ends writes last uses where their slot has moved to`() throws {
        let driver = try Driver.settled()
        let (name, other) = divided(driver)
        let next = other == 3 ? 2 : 3
        #expect(driver.result(driver.generate(name, at: 1)) == .allowed)
        driver.assign([usesSlot(name)], to: next)
        driver.gatekeeper.finish(driver.now)
        driver.pass(milliseconds: 100)
        #expect(driver.servers[Driver.endpoint(next)]!.store.lastUses.count == 1)
        #expect(driver.gatekeeper.unconfirmedCount == 0)
    }

    // MARK: - Leaving the list

    /// An organization whose record the first server holds, and whose last uses a given one does.
    private func organization(_ driver: Driver, withUsesAt bucket: Int) -> String {
        (0..<1000).lazy.map { driver.organization(at: 1, $0) }
            .first { self.bucket(of: $0, driver) == bucket }!
    }

    private func isListed(_ driver: Driver) -> Bool {
        !driver.servers[Driver.endpoint(3)]!.store.members.isEmpty
    }

    /// Ends the worker while the second server does not answer.
    private func end(_ driver: Driver) {
        driver.held = [Driver.endpoint(2)]
        driver.gatekeeper.finish(driver.now)
        driver.run()
        #expect(isListed(driver))
    }

    @Test func `a worker that ends stays in the list until its last uses are written`() throws {
        let driver = try Driver.settled()
        let key = driver.generate(organization(driver, withUsesAt: 2), at: 1)
        #expect(driver.result(key) == .allowed)
        end(driver)
        driver.release(2)
        #expect(!isListed(driver))
        #expect(driver.gatekeeper.unconfirmedCount == 0)
    }

    @Test func `a worker that ends stays in the list until its refused uses are counted`() throws {
        let driver = try Driver.settled()
        let name = organization(driver, withUsesAt: 2)
        let old = driver.generate(name, at: 1)
        _ = driver.generate(name, at: 1)
        // The first one is counted at once, and the next one a second later.
        for _ in 1...2 { #expect(driver.result(old) == .revoked) }
        end(driver)
        driver.release(2)
        #expect(!isListed(driver))
    }

    @Test func `uses of which none was written for half a second do not keep a worker in the list`()
        throws
    {
        let driver = try Driver.settled()
        let names = [2, 1].map { organization(driver, withUsesAt: $0) }
        for name in names { #expect(driver.result(driver.generate(name, at: 1)) == .allowed) }
        driver.cutOff(2)
        driver.held = [Driver.endpoint(1)]
        driver.gatekeeper.finish(driver.now)
        driver.pass(milliseconds: 400)
        driver.release(1)
        driver.pass(milliseconds: 495)
        #expect(isListed(driver))
        let count = driver.gatekeeper.unconfirmedCount
        driver.pass(milliseconds: 10)
        #expect(!isListed(driver))
        #expect(driver.gatekeeper.unconfirmedCount == count)
    }

    @Test func `a worker that ends acknowledges changes as long as it is in the list`() throws {
        let driver = try Driver.settled()
        let name = organization(driver, withUsesAt: 2)
        let key = driver.generate(name, at: 1)
        #expect(driver.result(key) == .allowed)
        end(driver)
        driver.clearCommands()
        driver.sendInvalidation(of: [signal("", name)], from: 1)
        #expect(count("RPUSH", at: 1, driver) == 1)
        #expect(driver.atOnce(key)?.result ?? .unavailable == .unavailable)
    }
}

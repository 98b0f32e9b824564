import KeyFormat
import Keyring
import RedisClient
import TestSupport
import Testing

@testable import Gateway

/// How a gatekeeper leaves a primary for another one, and returns to it.
struct PrimaryChangeTests {
    private typealias Driver = FailoverDriver

    private let notPrimary = "the store at 10.0.0.1:6379: it is not a primary"

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

    @Test func `a sentinel that died does not help to name a former primary again`() throws {
        let (driver, _) = try Driver.following()
        driver.cutOff(sentinel: 0)
        driver.promote()
        driver.name(Driver.second)
        driver.pass(milliseconds: 500)
        driver.words[1] = .primary(Driver.first)
        driver.pass(milliseconds: 1000)
        #expect(driver.gatekeeper.readMetrics().primaryChanges == 1)
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
}

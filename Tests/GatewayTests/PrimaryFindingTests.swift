import KeyFormat
import Keyring
import RedisClient
import TestSupport
import Testing

@testable import Gateway

/// How a gatekeeper finds the primary that its sentinels name.
struct PrimaryFindingTests {
    private typealias Driver = FailoverDriver

    private let notPrimary = "the store at 10.0.0.1:6379: it is not a primary"

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
}

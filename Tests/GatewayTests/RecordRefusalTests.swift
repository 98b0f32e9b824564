import KeyFormat
import Keyring
import RedisClient
import Testing

@testable import Gateway

/// Records that are altered, misplaced or not records at all.
struct RecordRefusalTests {
    private let driver: GateDriver
    private let key: [UInt8]
    private let acme = Organization("acme")!

    init() throws {
        driver = try GateDriver.connected()
        key = driver.generate("acme", expiresIn: 1_000_000)
    }

    /// Begins a check and answers it with a reply. Returns the results.
    private func results(_ reply: String) -> [UInt: Decision.Result] {
        driver.check(key, request: 1)
        _ = driver.turn()
        driver.received(reply)
        return driver.results()
    }

    @Test(arguments: [
        "organization", "owner", "version", "state", "verifier", "created_at", "created_by",
        "expires_at", "mac",
    ])
    func `a record with an altered field is refused with one clear log line`(field: String) throws {
        let texts = [
            "", "x", "-1", "0", "1", "9000000000000", "active", String(repeating: "0", count: 48),
            "\n\u{1b}é",
        ]
        var driver = driver
        for text in texts {
            driver = try GateDriver.connected()
            let key = driver.generate("acme", expiresIn: 1_000_000)
            driver.store.alter(acme, field, text)
            if field == "state", text == "active" { continue }
            driver.check(key, request: 1)
            driver.serve()
            let decision = try #require(driver.answers().first?.decision)
            #expect(decision.result == .unavailable)
            #expect(decision.organization == nil)
            let lines = driver.logLines()
            #expect(lines.count == 1)
            #expect(lines.first?.level == .error)
            #expect(lines.first?.text.contains("\(acme.locator)") == true)
            #expect(lines.first?.text.utf8.allSatisfy { (0x20...0x7E).contains($0) } == true)
        }
    }

    @Test func `a record with a missing field is refused`() {
        for field in [
            "organization", "owner", "version", "state", "verifier", "created_at", "created_by",
            "expires_at", "mac",
        ] {
            _ = driver.generate("acme")
            let key = driver.generate("acme", expiresIn: 1_000_000)
            driver.store.alter(acme, field, nil)
            #expect(driver.result(key) == .unavailable, "\(field)")
            driver.store.removeAll()
        }
    }

    @Test func `a record in the state revoked refuses its key, sealed or not`() {
        driver.store.alter(acme, "state", "revoked")
        #expect(driver.result(key) == .revoked)
        driver.store.alter(acme, "state", "none")
        #expect(driver.result(key) == .revoked)
    }

    @Test func `another organization's record is refused`() {
        let other = driver.generate("umbrella")
        driver.check(key, request: 1)
        driver.check(other, request: 2)
        let commands = driver.turn().commands
        driver.received(driver.store.answer(commands.reversed()))
        #expect(driver.results() == [1: .unavailable, 2: .unavailable])
    }

    @Test(arguments: [
        "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n",
        "-NOPERM no permissions\r\n",
        "-LOADING Redis is loading\r\n", "-\r\n", "+OK\r\n", "+\r\n", ":0\r\n",
        ":-9223372036854775808\r\n",
        "$-1\r\n", "$0\r\n\r\n", "$4\r\nacme\r\n", "*-1\r\n", "*0\r\n", "*1\r\n$4\r\nacme\r\n",
        "*12\r\n" + String(repeating: ":1\r\n", count: 12),
        "*12\r\n" + String(repeating: "*0\r\n", count: 12),
        "*12\r\n" + String(repeating: "+active\r\n", count: 12),
        "*12\r\n" + String(repeating: "-ERR x\r\n", count: 12),
        "*13\r\n" + String(repeating: "$-1\r\n", count: 13),
        "*11\r\n" + String(repeating: "$-1\r\n", count: 11),
        "*12\r\n" + String(repeating: "$6\r\nactive\r\n", count: 12),
        "*12\r\n" + String(repeating: "$0\r\n\r\n", count: 12),
        "*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n",
    ])
    func `any other reply makes the check unavailable, and the link stays open`(reply: String) {
        #expect(results(reply) == [1: .unavailable])
        #expect(driver.logLines().count == 1)
        #expect(driver.turn().closed == 0)
        #expect(driver.result(key) == .allowed)
    }

    @Test func `a record that is missing refuses no key, and the log says so`() {
        #expect(results("*12\r\n" + String(repeating: "$-1\r\n", count: 12)) == [1: .unavailable])
        #expect(driver.logLines().map { $0.text.contains("is missing") } == [true])
    }

    @Test func `refused records are logged once a second, with the number of suppressed lines`() {
        driver.store.alter(acme, "owner", "mallory")
        for _ in 0..<10 {
            #expect(driver.result(key) == .unavailable)
            driver.advance(milliseconds: 10)
        }
        #expect(driver.logLines().count == 1)
        driver.advance(milliseconds: 899)
        #expect(driver.result(key) == .unavailable)
        #expect(driver.logLines().isEmpty)
        driver.advance(milliseconds: 1)
        #expect(driver.result(key) == .unavailable)
        let lines = driver.logLines()
        #expect(lines.count == 1)
        #expect(lines.first?.text.contains("(10 more ") == true)
    }

    @Test func `no log line repeats the contents of a record or a reply`() {
        driver.store.alter(acme, "owner", "hunter2 hunter2")
        _ = driver.result(key)
        _ = results("-ERR unknown command 'hunter2'\r\n")
        driver.advance(milliseconds: 1000)
        _ = results("-ERR unknown command 'hunter2'\r\n")
        let lines = driver.logLines()
        #expect(lines.count == 2)
        #expect(!lines.contains { $0.text.contains("hunter2") })
    }
}

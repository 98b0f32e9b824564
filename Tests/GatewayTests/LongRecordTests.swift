import Keyring
import Testing

@testable import Gateway

/// A record that is too long to be read: its checks are refused, those of other organizations are not.
struct LongRecordTests {
    private let driver: GateDriver
    private let keys: [[UInt8]]

    init() throws {
        driver = try GateDriver.connected()
        keys = ["acme", "umbrella"].map { [driver] in driver.generate($0) }
    }

    /// The reply to the reading of a record with one field of two megabytes, and what remains of it when
    /// it is known to be too long.
    private static let reply = Array(
        ("*1\r\n" + TestStore.bulk(String(repeating: "x", count: 2_000_000))).utf8
    )
    private static let split = 1_100_000

    @Test func `it is refused at once, and its read is not sent again`() throws {
        driver.check(keys[0], request: 1)
        driver.check(keys[1], request: 2)
        let commands = driver.turn().commands
        driver.received(Array(Self.reply[..<Self.split]))
        #expect(driver.results() == [1: .unavailable])
        driver.received(Array(Self.reply[Self.split...]))
        driver.received(driver.store.answer([commands[1]]))
        #expect(driver.results() == [2: .allowed])
        #expect(driver.turn().isEmpty)
    }

    @Test func `its read is not sent again after the connection was replaced during it`() throws {
        driver.check(keys[0], request: 1)
        driver.check(keys[1], request: 2)
        let locator = Organization("acme")!.locator
        #expect(driver.turn().reads.count == 2)
        driver.received(Array(Self.reply[..<Self.split]))
        driver.gatekeeper.linkClosed(GateDriver.data, at: driver.now)
        driver.connect()
        let commands = driver.turn().commands
        #expect(!commands.joined().contains { $0.contains("\(locator)") })
        driver.received(driver.store.answer(commands))
        #expect(driver.results() == [1: .unavailable, 2: .allowed])
    }

    @Test func `the log names its locator and the reason`() throws {
        driver.check(keys[0], request: 1)
        _ = driver.turn()
        driver.received(Self.reply)
        let lines = driver.logLines()
        #expect(lines.count == 1)
        #expect(lines.first?.text.contains("\(Organization("acme")!.locator)") == true)
        #expect(lines.first?.text.contains("the reply is too long") == true)
    }
}

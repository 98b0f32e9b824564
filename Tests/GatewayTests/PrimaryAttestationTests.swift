import KeyFormat
import Keyring
import RedisClient
import TestSupport
import Testing

@testable import Gateway

/// What a primary decides while a majority of the sentinels names it, and no longer.
struct PrimaryAttestationTests {
    private typealias Driver = FailoverDriver

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
}

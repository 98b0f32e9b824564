import KeyFormat
import Keyring
import RedisClient
import TestSupport
import Testing

@testable import Gateway

/// What the error log and the metrics tell of sentinels and primaries.
struct SentinelReportingTests {
    private typealias Driver = FailoverDriver

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
        driver.words[1] = .reply("-NOPERM no permission\r\n")
        driver.lost = []
        driver.pass(milliseconds: 2000, step: 50)
        let refusal = "the sentinel at s1:26379 names no primary: refused: NOPERM no permission"
        #expect(driver.lines.last?.text.hasPrefix(refusal) == true)
        driver.words[1] = driver.words[0]
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

import KeyFormat
import Keyring
import RedisClient
import Testing

@testable import Gateway

/// The counters and gauges of a gatekeeper.
struct MetricsTests {
    private func metrics(_ driver: GateDriver) -> GatewayMetrics {
        driver.gatekeeper.readMetrics()
    }

    private func counts(_ histogram: DurationHistogram) -> [UInt64] {
        histogram.counts.indices.map { histogram.counts[$0] }
    }

    @Test func `a new gatekeeper has counted nothing`() throws {
        let metrics = metrics(try GateDriver())
        #expect(metrics.storeReads == 0)
        #expect(metrics.data.connections == 0)
        #expect(metrics.invalidation.losses == 0)
        #expect(metrics.cacheRecords == 0)
        #expect(metrics.trustedUntil == .origin)
        #expect(counts(metrics.storeWaits) == [UInt64](repeating: 0, count: 17))
    }

    @Test func `a check that the cache decides counts neither a read nor a wait`()
        throws
    {
        let driver = try GateDriver.leased()
        let key = driver.generate("acme")
        #expect(driver.result(key) == .allowed)
        #expect(driver.result(key) == .allowed)
        let metrics = metrics(driver)
        #expect(metrics.storeReads == 1)
        #expect(metrics.cacheRecords == 1)
        #expect(counts(metrics.storeWaits).reduce(0, +) == 1)
    }

    @Test func `each waiting check counts, and their shared read counts once`() throws {
        let driver = try GateDriver.connected()
        let key = driver.generate("acme")
        for request: UInt in 1...3 { driver.check(key, request: request) }
        driver.advance(milliseconds: 3)
        driver.serve()
        let metrics = metrics(driver)
        #expect(metrics.storeReads == 1)
        #expect(counts(metrics.storeWaits)[5] == 3)
        #expect(metrics.storeWaits.sumNanoseconds == 9_000_000)
    }

    @Test func `a check that is not answered in time has waited too`() throws {
        let driver = try GateDriver.connected("latchkey_timeout 500ms;")
        driver.check(driver.generate("acme"), request: 1)
        driver.tick(afterMilliseconds: 500)
        #expect(driver.results() == [1: .unavailable])
        #expect(metrics(driver).storeWaits.sumNanoseconds == 500_000_000)
    }

    @Test func `a check that is cancelled has not waited`() throws {
        let driver = try GateDriver.connected()
        let key = driver.generate("acme")
        driver.gatekeeper.cancel(ticket: driver.check(key, request: 1).ticket)
        driver.serve()
        #expect(counts(metrics(driver).storeWaits).reduce(0, +) == 0)
    }

    @Test(
        arguments: [
            (0, 0), (100_000, 0), (100_001, 1), (200_000, 1), (200_001, 2), (500_000, 2),
            (500_001, 3), (1_000_000, 3), (1_000_000_000, 12), (1_000_000_001, 13),
            (10_000_000_000, 15), (10_000_000_001, 16), (.max, 16),
        ] as [(UInt64, Int)]
    )
    func `a duration is in the first bucket whose bound it does not exceed`(
        nanoseconds: UInt64,
        bucket: Int
    ) {
        var histogram = DurationHistogram()
        histogram.add(nanoseconds: nanoseconds)
        #expect(counts(histogram)[bucket] == 1)
        #expect(counts(histogram).reduce(0, +) == 1)
        #expect(histogram.sumNanoseconds == nanoseconds)
    }

    @Test func `a connection counts once it is ready, and a loss only if it was`() throws {
        let driver = try GateDriver.leased()
        #expect(metrics(driver).data.connections == 1)
        #expect(metrics(driver).invalidation.connections == 1)
        driver.gatekeeper.linkClosed(GateDriver.data, at: driver.now)
        for _ in 0..<3 {
            driver.tick(afterMilliseconds: 1000)
            _ = driver.turn()
            driver.gatekeeper.linkClosed(GateDriver.data, at: driver.now)
        }
        driver.tick(afterMilliseconds: 1000)
        driver.connect()
        let metrics = metrics(driver)
        #expect(metrics.data.connections == 2)
        #expect(metrics.data.losses == 1)
    }

    @Test func `invalidations count by the record, and a flush counts as such`() throws {
        let driver = try GateDriver.leased()
        driver.sendInvalidation("acme", "umbrella")
        driver.received(
            TestStore.message(
                "__redis__:invalidate",
                TestStore.texts(["latchkey:record:no", "x"])
            ),
            link: GateDriver.invalidation
        )
        #expect(metrics(driver).invalidations == 2)
        driver.received(
            TestStore.message("__redis__:invalidate", "*-1\r\n"),
            link: GateDriver.invalidation
        )
        #expect(metrics(driver).flushes == 1)
        #expect(metrics(driver).trustedUntil == .origin)
    }

    @Test func `the end of the lease is a metric`() throws {
        let driver = try GateDriver.leased("latchkey_lease 1s;")
        let end = driver.now.monotonic.advanced(byMilliseconds: 1000)
        #expect(metrics(driver).trustedUntil == end)
        driver.gatekeeper.linkClosed(GateDriver.invalidation, at: driver.now)
        #expect(metrics(driver).trustedUntil == .origin)
    }

    @Test func `evicted records are counted`() throws {
        let driver = try GateDriver.leased("latchkey_cache_size 2;")
        for name in ["acme", "umbrella", "globex"] {
            #expect(driver.result(driver.generate(name)) == .allowed)
        }
        #expect(metrics(driver).cacheEvictions == 1)
        #expect(metrics(driver).cacheRecords == 2)
    }

    @Test func `open requests and ended ones are counted`() throws {
        let driver = try GateDriver.leased()
        let key = driver.generate("acme")
        #expect(driver.result(key) == .allowed)
        let decision = try #require(driver.check(key, request: 1).decision)
        for request: UInt in 1...2 {
            _ = driver.gatekeeper.openStream(request, decision.locator!, decision.streamKey!)
        }
        #expect(metrics(driver).streamsOpen == 2)
        driver.revoke("acme")
        driver.sendInvalidation("acme")
        driver.serve()
        #expect(metrics(driver).streamsEnded == 0)
        while driver.gatekeeper.nextEndedStream() != nil {}
        #expect(metrics(driver).streamsEnded == 2)
        #expect(metrics(driver).streamsOpen == 0)
    }

    @Test func `a barrier counts once, with the delay of its first acknowledgement`() throws {
        let driver = try GateDriver.leased()
        let barrier = driver.signal(.barrier, ageMilliseconds: 40)
        driver.sendSignal(barrier)
        driver.advance(milliseconds: 100)
        driver.sendSignal(barrier)
        let metrics = metrics(driver)
        #expect(metrics.barriersAcknowledged == 1)
        #expect(metrics.changeDelays.sumNanoseconds == 40_000_000)
        #expect(counts(metrics.changeDelays)[8] == 1)
    }

    @Test func `barriers that are sent repeatedly count once each`() throws {
        let driver = try GateDriver.leased()
        let barriers = (0..<64).map { _ in driver.signal(.barrier) }
        for barrier in barriers + barriers {
            driver.sendSignal(barrier)
        }
        for _ in 0..<64 { driver.sendSignal(driver.signal(.barrier)) }
        #expect(metrics(driver).barriersAcknowledged == 128)
    }

    @Test func `a barrier from a machine with a wrong clock is acknowledged without a delay`()
        throws
    {
        let driver = try GateDriver.leased()
        driver.sendSignal(driver.signal(.barrier, ageMilliseconds: 1_790_000_000_000))
        driver.sendSignal(driver.signal(.barrier, ageMilliseconds: 3_600_000))
        #expect(metrics(driver).barriersAcknowledged == 2)
        #expect(counts(metrics(driver).changeDelays).reduce(0, +) == 0)
    }

    @Test func `a barrier that cannot be acknowledged does not count until it is`() throws {
        let driver = try GateDriver.leased()
        let barrier = driver.signal(.barrier)
        driver.gatekeeper.linkClosed(GateDriver.data, at: driver.now)
        driver.sendSignal(barrier)
        #expect(metrics(driver).barriersAcknowledged == 0)
        driver.tick(afterMilliseconds: 70)
        driver.connect()
        driver.sendSignal(barrier)
        #expect(metrics(driver).barriersAcknowledged == 1)
        #expect(metrics(driver).changeDelays.sumNanoseconds >= 70_000_000)
    }
}

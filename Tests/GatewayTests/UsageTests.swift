import KeyFormat
import Keyring
import RedisClient
import Testing

@testable import Gateway

/// How last uses reach the store.
struct UsageTests {
    private let driver: GateDriver
    private let acme = Organization("acme")!.locator

    init() throws {
        driver = try GateDriver.connected()
    }

    private func uses(_ turn: Turn) -> [[String]] { turn.commands.filter { $0[0] == "ZADD" } }

    /// Ends the turn and lets the store answer its commands.
    private func serve() -> Turn {
        let turn = driver.turn()
        driver.received(driver.store.answer(turn.commands))
        return turn
    }

    @Test func `a use is sent within a second, and not before`() {
        driver.tick()
        let key = driver.generate("acme")
        let time = driver.now
        #expect(driver.result(key) == .allowed)
        #expect(driver.tick() <= time.monotonic.advanced(byMilliseconds: 1000))
        driver.tick(afterMilliseconds: 999)
        #expect(uses(serve()).isEmpty)
        driver.tick(afterMilliseconds: 1)
        let turn = driver.turn()
        #expect(
            uses(turn) == [
                ["ZADD", "latchkey:used:{R}", "GT", "\(time.unix.milliseconds)", "\(acme)"]
            ]
        )
        driver.received(driver.store.answer(turn.commands))
        #expect(driver.gatekeeper.unconfirmedCount == 0)
    }

    @Test func `only the last of an organization's uses is sent`() {
        let key = driver.generate("acme")
        for _ in 0..<100 {
            #expect(driver.result(key) == .allowed)
            driver.advance(milliseconds: 5)
        }
        let last = driver.now.unix.milliseconds - 5
        driver.tick(afterMilliseconds: 500)
        let turn = driver.turn()
        #expect(uses(turn).count == 1)
        #expect(uses(turn).first?[3] == "\(last)")
        driver.received(driver.store.answer(turn.commands))
        #expect(driver.store.lastUses["\(acme)"] == "\(last)")
    }

    @Test func `only an allowed check is a use`() throws {
        let old = driver.generate("acme")
        let key = driver.generate("acme", expiresIn: 100)
        #expect(driver.result(old) == .revoked)
        driver.advance(milliseconds: 100)
        #expect(driver.result(key) == .expired)
        driver.store.alter(Organization("acme")!, "mac", "0")
        #expect(driver.result(key) == .unavailable)
        driver.tick(afterMilliseconds: 1000)
        #expect(
            driver.turn().commands.allSatisfy { !$0.contains { $0.hasPrefix("latchkey:used:") } }
        )
    }

    @Test func `uses of many organizations go out in one write, with one command a shard`() {
        for index in 0..<100 { driver.check(driver.generate("org-\(index)"), request: UInt(index)) }
        driver.serve()
        #expect(driver.answers().count == 100)
        driver.tick(afterMilliseconds: 1000)
        let turn = driver.turn()
        #expect(turn.writes.count == 1)
        #expect((2...62).contains(uses(turn).count))
        driver.received(driver.store.answer(turn.commands))
        #expect(driver.store.lastUses.count == 100)
        #expect(driver.gatekeeper.unconfirmedCount == 0)
    }

    @Test func `one batch is in flight at a time`() {
        let key = driver.generate("acme")
        #expect(driver.result(key) == .allowed)
        driver.tick(afterMilliseconds: 1000)
        let first = driver.turn()
        #expect(uses(first).count == 1)
        driver.check(key, request: 1)
        let read = driver.turn()
        driver.received(driver.store.answer(first.commands + read.commands))
        #expect(driver.results() == [1: .allowed])
        driver.tick(afterMilliseconds: 999)
        #expect(uses(serve()).isEmpty)
        driver.tick(afterMilliseconds: 1)
        #expect(uses(driver.turn()).count == 1)
    }

    /// Advances time in small steps. Returns the number of uses that each step wrote.
    private func pass(
        _ driver: GateDriver,
        milliseconds: UInt64,
        inStepsOf step: UInt64 = 5,
        _ each: () -> Void = {}
    ) -> [Int] {
        (0..<milliseconds / step).map { _ in
            each()
            driver.tick(afterMilliseconds: step)
            let turn = driver.turn()
            driver.received(driver.store.answer(turn.commands))
            driver.received(
                driver.store.answer(turn.invalidation, isSubscriber: true),
                link: GateDriver.invalidation
            )
            return uses(turn).map { ($0.count - 3) / 2 }.reduce(0, +)
        }
    }

    private func useAll(_ keys: [[UInt8]], _ driver: GateDriver) {
        for (index, key) in keys.enumerated() { driver.check(key, request: UInt(index)) }
        driver.serve()
        _ = driver.answers()
    }

    @Test func `each of many active organizations is sent every few seconds`() throws {
        let driver = try GateDriver.leased()
        let keys = (0..<1500).map { driver.generate("org-\($0)") }
        useAll(keys, driver)
        _ = pass(driver, milliseconds: 6000)
        #expect(driver.store.lastUses.count == 1500)
        let sent = pass(driver, milliseconds: 12_000, inStepsOf: 50) { useAll(keys, driver) }
        #expect((3000...6000).contains(sent.reduce(0, +)))
        let oldest = driver.store.lastUses.values.compactMap { Int64($0) }.min() ?? 0
        #expect(driver.now.unix.milliseconds - oldest <= 6000)
    }

    @Test func `uses never occupy the store for long, however many there are`() throws {
        let driver = try GateDriver.leased()
        useAll((0..<3000).map { driver.generate("org-\($0)") }, driver)
        let sent = pass(driver, milliseconds: 6000)
        #expect(sent.allSatisfy { $0 <= 100 })
        #expect(sent.filter { $0 > 0 }.count >= 30)
        #expect(driver.gatekeeper.unconfirmedCount == 0)
    }

    @Test func `a round that began with few uses speeds up when many arrive`() throws {
        let driver = try GateDriver.leased()
        let keys = (0..<5000).map { driver.generate("org-\($0)") }
        useAll(Array(keys.prefix(300)), driver)
        _ = pass(driver, milliseconds: 500)
        useAll(keys, driver)
        _ = pass(driver, milliseconds: 6000)
        #expect(driver.store.lastUses.count == 5000)
        #expect(driver.gatekeeper.unconfirmedCount == 0)
    }

    /// A recorder with one use of each of `count` organizations.
    private func recorder(_ count: Int, countMax: Int) -> UsageRecorder {
        var recorder = UsageRecorder(countMax: countMax)
        for index in 0..<count {
            recorder.record(Organization("org-\(index)")!.locator, at: driver.now.unix)
        }
        return recorder
    }

    /// Answers each batch at once. Returns the number of uses sent in each millisecond until none is
    /// left, for ten seconds at most.
    private func batches(_ recorder: inout UsageRecorder) -> [Int] {
        let cache = RecordCache(countMax: 1)
        var batches: [Int] = []
        var now = driver.now.monotonic
        while recorder.count > 0, batches.count < 10_000 {
            let count = recorder.count
            for use in recorder.nextBatch(cache, now, { _ in true }) {
                recorder.succeeded(use.shard)
            }
            batches.append(count - recorder.count)
            now = now.advanced(byMilliseconds: 1)
        }
        return batches
    }

    @Test func `no more than ten thousand uses are sent in a second, however many there are`() {
        var recorder = recorder(50_000, countMax: 200_000)
        let sent = batches(&recorder)
        #expect(sent.reduce(0, +) == 50_000)
        #expect((4950...5050).contains(sent.count))
    }

    @Test func `before uses have to be dropped, they are sent faster`() {
        var recorder = recorder(50_000, countMax: 50_000)
        let sent = batches(&recorder)
        #expect(sent.reduce(0, +) == 50_000)
        #expect(sent.count < 4700)
    }

    @Test func `a worker that ends sends ten thousand uses at a time`() {
        var recorder = recorder(25_000, countMax: 50_000)
        recorder.flushNow(driver.now.monotonic)
        #expect(batches(&recorder) == [10_000, 10_000, 5_000])
    }

    @Test func `a batch that is lost with its link is sent again`() {
        let key = driver.generate("acme")
        let time = driver.now.unix.milliseconds
        #expect(driver.result(key) == .allowed)
        driver.tick(afterMilliseconds: 1000)
        #expect(uses(driver.turn()).count == 1)
        driver.gatekeeper.linkClosed(0, at: driver.now)
        #expect(driver.gatekeeper.unconfirmedCount > 0)
        driver.connect()
        driver.tick()
        driver.serve()
        #expect(driver.store.lastUses["\(acme)"] == "\(time)")
        #expect(driver.gatekeeper.unconfirmedCount == 0)
    }

    @Test func `a use that is recorded while the link is lost is sent once it is back`() {
        let key = driver.generate("acme")
        #expect(driver.result(key) == .allowed)
        driver.gatekeeper.linkClosed(0, at: driver.now)
        driver.tick(afterMilliseconds: 2000)
        #expect(driver.gatekeeper.unconfirmedCount > 0)
        driver.connect()
        driver.tick()
        driver.serve()
        #expect(driver.store.lastUses.count == 1)
        #expect(driver.gatekeeper.unconfirmedCount == 0)
    }

    @Test func `a shard that is refused is tried once a second, and holds no other up`() throws {
        var recorder = recorder(2000, countMax: 2000)
        let cache = RecordCache(countMax: 1)
        let refused = Organization("org-0")!.locator.firstDigit
        var tries: [UInt64] = []
        var answers: [Bool] = []
        for millisecond in 0..<UInt64(10_000) {
            let now = driver.now.monotonic.advanced(byMilliseconds: millisecond)
            for use in recorder.nextBatch(cache, now, { _ in true }) {
                guard use.shard == refused else {
                    recorder.succeeded(use.shard)
                    continue
                }
                tries.append(millisecond)
                answers.append(recorder.failed(use.shard, now))
            }
        }
        let first = try #require(tries.first)
        #expect(first < 4000, "it has its turn within a round")
        #expect(tries.count * 1250 >= 10_000 - first)
        #expect(zip(tries, tries.dropFirst()).allSatisfy { $1 - $0 >= 1000 })
        #expect(answers == [false] + Array(repeating: true, count: answers.count - 1))
        let locators = (0..<2000).map { Organization("org-\($0)")!.locator }
        #expect(recorder.count == locators.count { $0.firstDigit == refused })
        let later = driver.now.monotonic.advanced(byMilliseconds: 12_000)
        let batch = recorder.nextBatch(cache, later) { _ in true }
        #expect(batch.map(\.shard) == [refused])
        recorder.succeeded(refused)
        #expect(recorder.count == 0)
        let failsAgain = recorder.failed(refused, later)
        #expect(!failsAgain)
    }

    /// A cache with one use of each of `count` organizations.
    private func usedCache(_ count: Int) -> RecordCache {
        let cache = RecordCache(countMax: count)
        for index in 0..<count {
            let locator = Organization("org-\(index)")!.locator
            cache.store(nil, version: nil, for: locator)
            cache.noteUse(cache.slot(of: locator)!, at: driver.now.unix)
        }
        return cache
    }

    @Test func `uses that cannot be written stay in the cache, and none is lost`() {
        var recorder = UsageRecorder(countMax: 1)
        let cache = usedCache(1000)
        var now = driver.now.monotonic
        var count = 0
        func write(_ isWritable: (UInt8) -> Bool) {
            for _ in 0..<100 {
                now = now.advanced(byMilliseconds: 1000)
                for use in recorder.nextBatch(cache, now, isWritable) {
                    count += (use.command.arguments.count - 3) / 2
                    recorder.succeeded(use.shard)
                }
            }
        }
        write { $0 % 2 == 0 }
        #expect((1..<1000).contains(count))
        #expect(recorder.count == 0)
        write { _ in true }
        #expect(count == 1000)
    }

    @Test func `uses that cannot be written do not hurry the others`() {
        var recorder = UsageRecorder(countMax: 1000)
        let cache = usedCache(1000)
        let now = driver.now.monotonic
        let locator = Organization("umbrella")!.locator
        recorder.record(locator, at: driver.now.unix)
        func isWritable(_ shard: UInt8) -> Bool { shard == locator.firstDigit }
        while case let batch = recorder.nextBatch(cache, recorder.due, isWritable), !batch.isEmpty {
            for use in batch { recorder.succeeded(use.shard) }
        }
        let next = recorder.due
        recorder.record(locator, at: driver.now.unix)
        #expect(recorder.nextBatch(cache, next, isWritable).count == 1)
        #expect(next > now)
        #expect(recorder.due == next.advanced(byMilliseconds: 1000))
    }

    @Test func `a worker that ends does not ask again and again for a shard that is refused`() {
        var recorder = recorder(1, countMax: 1)
        let shard = Organization("org-0")!.locator.firstDigit
        recorder.flushNow(driver.now.monotonic)
        let cache = RecordCache(countMax: 1)
        _ = recorder.nextBatch(cache, driver.now.monotonic) { _ in true }
        _ = recorder.failed(shard, driver.now.monotonic)
        #expect(recorder.nextBatch(cache, driver.now.monotonic) { _ in true }.isEmpty)
        let next = driver.now.monotonic.advanced(byMilliseconds: 100)
        #expect(recorder.due == next)
        #expect(recorder.nextBatch(cache, next) { _ in true }.map(\.shard) == [shard])
    }

    @Test func `when a worker ends, a server that does not answer holds up the uses for no other`()
    {
        var recorder = recorder(1900, countMax: 1900)
        let (cache, now) = (RecordCache(countMax: 1), driver.now.monotonic)
        let hung = Set(recorder.nextBatch(cache, now) { _ in true }.map(\.shard))
        recorder.flushNow(now)
        for use in recorder.nextBatch(cache, now, { _ in true }) {
            #expect(!hung.contains(use.shard))
            recorder.succeeded(use.shard)
        }
        let locators = (0..<1900).map { Organization("org-\($0)")!.locator }
        #expect(recorder.count == locators.count { hung.contains($0.firstDigit) })
        #expect(recorder.waitingCount > 0, "a shard's uses that are in flight hold up its others")
        #expect(recorder.nextBatch(cache, now) { _ in true }.isEmpty)
        #expect(recorder.due == now.advanced(byMilliseconds: 100))
    }

    @Test func `uses that the store refuses are logged, and written once it takes them`() {
        let key = driver.generate("acme")
        #expect(driver.result(key) == .allowed)
        driver.tick(afterMilliseconds: 1000)
        let turn = driver.turn()
        #expect(uses(turn).count == 1)
        for command in turn.commands {
            let isUse = command[0] == "ZADD"
            driver.received(isUse ? "-READONLY no writes\r\n" : driver.store.answer(command))
        }
        let lines = driver.logLines()
        #expect(lines.map(\.level) == [.warning])
        #expect(lines.first?.text.contains("READONLY") == true)
        #expect(driver.store.lastUses.isEmpty)
        #expect(driver.result(key) == .allowed)
        driver.tick(afterMilliseconds: 1000)
        driver.serve()
        #expect(driver.store.lastUses.count == 1)
        #expect(driver.gatekeeper.unconfirmedCount == 0)
    }

    @Test func `a worker that ends sends its uses at once`() {
        let key = driver.generate("acme")
        #expect(driver.result(key) == .allowed)
        #expect(driver.gatekeeper.unconfirmedCount > 0)
        driver.gatekeeper.finish(driver.now)
        driver.tick()
        let turn = driver.turn()
        #expect(uses(turn).count == 1)
        #expect(driver.gatekeeper.unconfirmedCount > 0)
        driver.received(driver.store.answer(turn.commands))
        #expect(driver.gatekeeper.unconfirmedCount == 0)
    }

    @Test func `a worker that ends sends many uses in one go`() throws {
        let driver = try GateDriver.leased()
        useAll((0..<1000).map { driver.generate("org-\($0)") }, driver)
        driver.gatekeeper.finish(driver.now)
        let turn = driver.turn()
        driver.received(driver.store.answer(turn.commands))
        #expect(driver.store.lastUses.count == 1000)
        driver.tick()
        driver.serve()
        #expect(driver.gatekeeper.unconfirmedCount == 0)
    }

    @Test func `a worker that ends while a batch is in flight sends the rest at once`() {
        #expect(driver.result(driver.generate("acme")) == .allowed)
        driver.check(driver.generate("umbrella"), request: 1)
        let read = driver.turn()
        driver.gatekeeper.finish(driver.now)
        let first = driver.turn()
        #expect(uses(first).count == 1)
        driver.received(driver.store.answer(read.commands))
        #expect(driver.results() == [1: .allowed])
        driver.gatekeeper.finish(driver.now)
        let rest = driver.turn()
        #expect(uses(rest).count == 1)
        driver.received(driver.store.answer(first.commands + rest.commands))
        driver.tick()
        driver.serve()
        #expect(driver.store.lastUses.count == 2)
        #expect(driver.gatekeeper.unconfirmedCount == 0)
    }

    @Test func `a worker that ends while its link is lost sends its uses once it is back`() {
        #expect(driver.result(driver.generate("acme")) == .allowed)
        driver.gatekeeper.linkClosed(0, at: driver.now)
        driver.gatekeeper.finish(driver.now)
        #expect(driver.gatekeeper.unconfirmedCount > 0)
        driver.connect()
        driver.tick()
        driver.serve()
        #expect(driver.store.lastUses.count == 1)
        #expect(driver.gatekeeper.unconfirmedCount == 0)
    }

    @Test func `a worker that ends with nothing to record is drained`() {
        #expect(driver.gatekeeper.unconfirmedCount == 0)
        driver.gatekeeper.finish(driver.now)
        #expect(driver.gatekeeper.unconfirmedCount == 0)
        #expect(driver.turn().isEmpty)
    }

    @Test func `a gatekeeper is not drained while a check waits for its answer`() {
        driver.check(driver.generate("acme"), request: 1)
        let turn = driver.turn()
        #expect(driver.gatekeeper.unconfirmedCount > 0)
        driver.store.alter(Organization("acme")!, "mac", "0")
        driver.received(driver.store.answer(turn.commands))
        #expect(driver.gatekeeper.unconfirmedCount == 0)
    }

    @Test func `organizations above the limit are recorded with the next batch`() {
        var recorder = UsageRecorder(countMax: 2)
        let locators = ["a", "b", "c"].map { Organization($0)!.locator }
        for locator in locators { recorder.record(locator, at: driver.now.unix) }
        recorder.record(locators[0], at: driver.now.unix)
        let cache = RecordCache(countMax: 1)
        let batch = recorder.nextBatch(cache, driver.now.monotonic) { _ in true }
            .flatMap(\.command.arguments)
            .map { String(decoding: $0, as: UTF8.self) }
        #expect(batch.contains("\(locators[0])"))
        #expect(batch.contains("\(locators[1])"))
        #expect(!batch.contains("\(locators[2])"))
    }
}

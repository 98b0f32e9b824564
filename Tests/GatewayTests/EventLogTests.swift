import RedisClient
import Testing

@testable import Gateway

struct EventLogTests {
    private func moment(_ milliseconds: UInt64) -> MonotonicTime {
        MonotonicTime(nanoseconds: milliseconds * 1_000_000)
    }

    private func texts(_ log: inout EventLog) -> [String] {
        var texts: [String] = []
        while let line = log.next() { texts.append(line.text) }
        return texts
    }

    @Test func `one line of each kind is written a second`() {
        var log = EventLog()
        for millisecond: UInt64 in 0..<3500 {
            log.note(.storeLost, moment(millisecond), "lost")
            log.note(.recordRefused, moment(millisecond), "refused")
        }
        let texts = texts(&log)
        #expect(texts.filter { $0.hasPrefix("lost") }.count == 4)
        #expect(texts.filter { $0.hasPrefix("refused") }.count == 4)
    }

    @Test func `a line reports how many were suppressed before it`() {
        var log = EventLog()
        for millisecond: UInt64 in [0, 1, 2, 999, 1000, 1500, 2000, 5000] {
            log.note(.storeLost, moment(millisecond), "\(millisecond)")
        }
        let remark = "more lines of this kind were suppressed"
        let texts = texts(&log)
        #expect(texts == ["0", "1000 (3 \(remark))", "2000 (1 \(remark))", "5000"])
    }

    @Test func `the text of a suppressed line is never built`() {
        var log = EventLog()
        var made = 0
        func text() -> String {
            made += 1
            return "x"
        }
        for _ in 0..<100 { log.note(.usesRefused, moment(5), text()) }
        #expect(made == 1)
    }

    @Test func `the current state is the last line, at most a second late`() {
        var log = EventLog()
        log.note(.trackingStarted, moment(0), "tracking")
        log.note(.trackingLost, moment(500), "not tracking")
        log.note(.trackingStarted, moment(600), "tracking again")
        #expect(texts(&log) == ["tracking", "not tracking"])
        #expect(log.due == moment(1000))

        log.writeLate(moment(999))
        #expect(texts(&log).isEmpty)
        log.writeLate(moment(1000))
        #expect(texts(&log) == ["tracking again"])
        #expect(log.due == .never)
        log.writeLate(moment(5000))
        #expect(texts(&log).isEmpty)
    }

    @Test func `a state that has passed is not written late`() {
        var log = EventLog()
        log.note(.trackingLost, moment(0), "not tracking")
        log.note(.trackingLost, moment(300), "still not tracking")
        log.note(.trackingStarted, moment(400), "tracking")
        log.writeLate(moment(2000))
        #expect(texts(&log) == ["not tracking", "tracking"])
        #expect(log.due == .never)
    }

    @Test
    func `a late line reports how many others were suppressed, and starts a second of its own`() {
        var log = EventLog()
        for millisecond: UInt64 in [0, 100, 200, 300] {
            log.note(.storeLost, moment(millisecond), "\(millisecond)")
        }
        log.writeLate(moment(1000))
        log.note(.storeLost, moment(1999), "1999")
        #expect(texts(&log) == ["0", "300 (2 more lines of this kind were suppressed)"])
        #expect(log.due == moment(2000))
    }

    @Test func `the store and its invalidations are logged independently`() {
        var log = EventLog()
        for kind in [EventLog.Kind.storeReady, .trackingStarted, .storeLost, .trackingLost] {
            log.note(kind, moment(0), "\(kind)")
        }
        log.note(.storeReady, moment(1), "store")
        log.note(.trackingStarted, moment(2), "invalidations")
        _ = texts(&log)
        log.writeLate(moment(1000))
        #expect(Set(texts(&log)) == ["store", "invalidations"])
    }

    @Test func `lines that describe no state are not written late`() {
        var log = EventLog()
        log.note(.recordRefused, moment(0), "one")
        log.note(.recordRefused, moment(1), "another")
        #expect(log.due == .never)
        log.writeLate(moment(2000))
        #expect(texts(&log) == ["one"])
    }
}

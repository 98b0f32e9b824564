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

    @Test func `of each kind one line a second is written`() {
        var log = EventLog()
        for millisecond: UInt64 in 0..<3500 {
            log.note(.storeLost, moment(millisecond), "lost")
            log.note(.recordRefused, moment(millisecond), "refused")
        }
        let texts = texts(&log)
        #expect(texts.filter { $0.hasPrefix("lost") }.count == 4)
        #expect(texts.filter { $0.hasPrefix("refused") }.count == 4)
    }

    @Test func `a line tells how many were left out before it`() {
        var log = EventLog()
        for millisecond: UInt64 in [0, 1, 2, 999, 1000, 1500, 2000, 5000] {
            log.note(.storeLost, moment(millisecond), "\(millisecond)")
        }
        let remark = "more lines of this kind were left out"
        let texts = texts(&log)
        #expect(texts == ["0", "1000 (3 \(remark))", "2000 (1 \(remark))", "5000"])
    }

    @Test func `the text of a line that is left out is never made`() {
        var log = EventLog()
        var made = 0
        func text() -> String {
            made += 1
            return "x"
        }
        for _ in 0..<100 { log.note(.usesRefused, moment(5), text()) }
        #expect(made == 1)
    }
}

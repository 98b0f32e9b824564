import Testing

@testable import RedisClient

struct MonotonicTimeTests {
    @Test func `moments are ordered`() {
        let start = MonotonicTime(nanoseconds: 5)
        #expect(start.advanced(byMilliseconds: 2) == MonotonicTime(nanoseconds: 2_000_005))
        #expect(start < start.advanced(byMilliseconds: 1))
        #expect(start.advanced(byMilliseconds: 0) == start)
        #expect(start < .never)
    }

    @Test func `an overflow is never`() {
        #expect(MonotonicTime(nanoseconds: 0).advanced(byMilliseconds: .max) == .never)
        #expect(MonotonicTime(nanoseconds: .max - 1).advanced(byMilliseconds: 1) == .never)
        #expect(MonotonicTime.never.advanced(byMilliseconds: 1) == .never)
    }
}

import Testing

@testable import RedisClient

@Suite struct BackoffTests {
    /// The pauses of a worker whose clock has passed so much of a millisecond.
    private func pauses(_ count: Int, nanoseconds: UInt64) -> [UInt64] {
        var backoff = Backoff()
        return (0..<count).map { number in
            backoff.nextPauseMilliseconds(
                MonotonicTime(nanoseconds: UInt64(number) * 7_000_000 + nanoseconds)
            )
        }
    }

    @Test func `a pause is shortened by up to half`() {
        #expect(pauses(7, nanoseconds: 0) == [0, 50, 100, 200, 400, 800, 800])
        #expect(pauses(7, nanoseconds: 500_000) == [0, 38, 75, 150, 300, 600, 600])
        #expect(pauses(7, nanoseconds: 999_999) == [0, 26, 51, 101, 201, 401, 401])
    }

    @Test func `workers that lose the store together come back evenly spread`() {
        let longest = (0..<1000).map { worker in
            pauses(6, nanoseconds: UInt64(worker) * 1000).last ?? 0
        }
        for start in stride(from: UInt64(401), to: 801, by: 40) {
            #expect(longest.count { (start..<start + 40).contains($0) } == 100)
        }
    }
}

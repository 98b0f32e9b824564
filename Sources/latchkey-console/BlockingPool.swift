import NIOPosix
import Synchronization

/// Threads for work that blocks, and a limit to what may wait for them.
final class BlockingPool: Sendable {
    private static let threadCount = 4

    /// Most jobs that wait for a thread.
    private static let waitingMax = 64

    private let pool = NIOThreadPool(numberOfThreads: threadCount)
    private let jobs = Mutex(0)

    init() {
        pool.start()
    }

    /// Number of jobs that wait for a thread.
    var waiting: Int { max(0, jobs.withLock { $0 } - Self.threadCount) }

    /// Runs `body` on one of the threads; returns `nil` if too many jobs wait already.
    ///
    /// Once it has begun, it is run to its end, even if the caller is cancelled.
    func run<Result: Sendable>(_ body: @escaping @Sendable () -> Result) async throws -> Result? {
        let isAccepted = jobs.withLock { count in
            guard count < Self.threadCount + Self.waitingMax else { return false }
            count += 1
            return true
        }
        guard isAccepted else { return nil }
        defer { jobs.withLock { $0 -= 1 } }
        return try await pool.runIfActive(body)
    }

    func stop() async throws { try await pool.shutdownGracefully() }
}

/// A pool for changes, which may wait for silent gateways for half a minute, and one for all else.
struct BlockingPools: Sendable {
    let reads = BlockingPool()
    let changes = BlockingPool()

    /// Number of jobs that wait for a thread.
    var waiting: Int { reads.waiting + changes.waiting }

    func stop() async throws {
        try await reads.stop()
        try await changes.stop()
    }
}

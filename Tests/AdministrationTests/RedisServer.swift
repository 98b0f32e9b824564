import Glibc
import RedisClient
import TestSupport

@testable import Administration

/// A real Redis for one test, in a temporary folder that also holds the test's other files.
final class RedisServer: Sendable {
    private let temporary = TemporaryFolder()
    private let process: pid_t

    var folder: String { temporary.path }

    /// The socket that it listens on.
    var socket: String { "\(folder)/redis.sock" }

    init() throws {
        process = try ServerProcesses.spawn([
            "redis-server", "--port", "0", "--unixsocket", "\(temporary.path)/redis.sock",
            "--unixsocketperm", "600", "--dir", temporary.path,
            "--logfile", "\(temporary.path)/redis.log", "--save", "",
        ])
        try waitUntilReady()
    }

    deinit {
        kill(process, SIGKILL)
        waitpid(process, nil, 0)
    }

    /// Sends a command and returns its reply.
    @discardableResult
    func callAsFunction(_ arguments: String...) throws -> RedisReply {
        let command = RedisCommand(arguments.map { .text($0) })
        return try connect().execute([command])[0]
    }

    /// A new connection.
    func connect() throws -> StoreConnection {
        StoreConnection(at: .unix(path: socket), credentials: nil)
    }

    /// Stops the process until ``thaw()``, so that it does not reply.
    func freeze() { kill(process, SIGSTOP) }

    func thaw() { kill(process, SIGCONT) }

    private func waitUntilReady() throws {
        let deadline = SystemClock.monotonicTime().advanced(byMilliseconds: 10_000)
        while (try? self("PING")) == nil {
            guard SystemClock.monotonicTime() < deadline else { throw ServerProcesses.NotStarted() }
            usleep(5000)
        }
    }
}

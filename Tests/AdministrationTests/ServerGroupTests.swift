import Glibc
import RedisClient
import Testing

@testable import Administration

/// Several servers that are asked at once.
struct ServerGroupTests {
    /// How many connections were made.
    private final class Count {
        var made = 0
    }

    private let count = Count()
    private let group: ServerGroup

    init() {
        group = ServerGroup("store") { [count] endpoint, timeout in
            count.made += 1
            return StoreConnection(at: endpoint, credentials: nil, timeoutMilliseconds: timeout)
        }
    }

    @Test func `a server that was silent is heard again, though it connects slowly`() throws {
        let servers = try (0..<3).map { _ in try RedisServer() }
        let proxy = try CuttingProxy(servers[2], [], delayMilliseconds: 50)
        let endpoints = [servers[0].socket, servers[1].socket, proxy.path]
            .map { Endpoint.unix(path: $0) }
        func answers() -> [[RedisReply]?] {
            group.ask(endpoints, [RedisCommand("ECHO", "x")]).map { try? $0.get() }
        }
        let answer: [RedisReply]? = [.bulk(ArraySlice("x".utf8))]
        servers[2].freeze()
        #expect(answers() == [answer, answer, nil])
        servers[2].thaw()
        // Whoever gives each connection up for another one soon has made more.
        while answers()[2] == nil, count.made <= 6 {}
        #expect(answers() == [answer, answer, answer])
    }

    @Test func `why a connection failed just too late is told the next time`() throws {
        let server = try RedisServer()
        server.freeze()
        let answers = (0..<3).map { _ in
            group.ask([.unix(path: server.socket)], [RedisCommand("PING")])[0]
        }
        guard case .failure(let fault)? = answers.last else {
            Issue.record("it answers")
            return
        }
        #expect(fault.text.hasSuffix("timed out"))
    }

    @Test func `why servers that were silent cannot be reached is told`() throws {
        let servers = try (0..<3).map { _ in try RedisServer() }
        for server in servers { server.freeze() }
        let endpoints = servers.map { Endpoint.unix(path: $0.socket) }
        #expect(group.ask(endpoints, [RedisCommand("PING")]).allSatisfy { (try? $0.get()) == nil })
        for server in servers { unlink(server.socket) }
        let deadline = SystemClock.monotonicTime().advanced(byMilliseconds: 20_000)
        func faults() -> [String] {
            group.ask(endpoints, [RedisCommand("PING")]).map { answer in
                if case .failure(let fault) = answer { fault.text } else { "it answers" }
            }
        }
        func areTold() -> Bool {
            faults().allSatisfy { $0.contains("No such file or directory") }
        }
        var isTold = areTold()
        while !isTold, SystemClock.monotonicTime() < deadline { isTold = areTold() }
        #expect(isTold)
    }
}

import RedisClient
import Testing

@testable import Administration

/// Several servers that are asked at once.
struct ServerGroupTests {
    @Test func `a server that was silent is heard again, though it connects slowly`() throws {
        let servers = try (0..<3).map { _ in try RedisServer() }
        let proxy = try CuttingProxy(servers[2], [], delayMilliseconds: 50)
        let endpoints = [servers[0].socket, servers[1].socket, proxy.path]
            .map { Endpoint.unix(path: $0) }
        let group = ServerGroup("store") { endpoint, timeout in
            StoreConnection(at: endpoint, credentials: nil, timeoutMilliseconds: timeout)
        }
        func answers() -> [[RedisReply]?] {
            group.ask(endpoints, [RedisCommand("ECHO", "x")]).map { try? $0.get() }
        }
        let answer: [RedisReply]? = [.bulk(ArraySlice("x".utf8))]
        servers[2].freeze()
        #expect(answers() == [answer, answer, nil])
        servers[2].thaw()
        let deadline = SystemClock.monotonicTime().advanced(byMilliseconds: 10_000)
        while answers()[2] == nil, SystemClock.monotonicTime() < deadline {}
        #expect(answers() == [answer, answer, answer])
    }
}

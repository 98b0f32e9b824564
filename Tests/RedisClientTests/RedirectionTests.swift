import Testing

@testable import RedisClient

struct RedirectionTests {
    private let asked = Endpoint.tcp(host: "10.0.0.9", port: 7009)

    private func redirection(_ text: String) -> Redirection? {
        Redirection(.error(ArraySlice(text.utf8)), from: asked)
    }

    private func slot(_ number: Int) throws -> Slot { try #require(Slot(number)) }

    @Test func `MOVED names the server that holds the slot`() throws {
        #expect(
            redirection("MOVED 3999 127.0.0.1:6381")
                == .moved(try slot(3999), to: .tcp(host: "127.0.0.1", port: 6381))
        )
        #expect(
            redirection("MOVED 0 10.0.0.1:65535")
                == .moved(try slot(0), to: .tcp(host: "10.0.0.1", port: 65535))
        )
    }

    @Test func `ASK names the server to which the slot is being moved`() throws {
        #expect(
            redirection("ASK 16383 127.0.0.1:6381")
                == .ask(try slot(16_383), to: .tcp(host: "127.0.0.1", port: 6381))
        )
    }

    @Test func `an IPv6 address has no brackets`() {
        #expect(redirection("MOVED 1 ::1:6381")?.target == .tcp(host: "::1", port: 6381))
        #expect(
            redirection("MOVED 1 fe80::1:2:6381")?.target == .tcp(host: "fe80::1:2", port: 6381)
        )
    }

    @Test func `an omitted address is that of the server that was asked`() {
        #expect(redirection("MOVED 1 :6381")?.target == .tcp(host: "10.0.0.9", port: 6381))
        let error = RedisError("MOVED 1 :6381")
        #expect(Redirection(error, from: .unix(path: "/run/redis")) == nil)
        #expect(Redirection(error, from: .tcp(host: "redis-1", port: 1)) == nil)
    }

    @Test(arguments: [
        "", "MOVED", "MOVED ", "MOVED 1", "MOVED 1 ", "MOVED 1 :", "MOVED 1 127.0.0.1",
        "MOVED 1 127.0.0.1:", "MOVED 1 127.0.0.1:0", "MOVED 1 127.0.0.1:65536",
        "MOVED 1 127.0.0.1:x", "MOVED 1 127.0.0.1:-1", "MOVED 1 redis-1:6379",
        "MOVED 1 127.0.0.1:6381 x", "MOVED  1 127.0.0.1:6381", "MOVED x 127.0.0.1:6381",
        "MOVED -1 127.0.0.1:6381", "MOVED 16384 127.0.0.1:6381",
        "MOVED 99999999999999999999 127.0.0.1:6381", "MOVED 1 127.0.0.1:99999999999999999999",
        "moved 1 127.0.0.1:6381", "ASKING 1 127.0.0.1:6381", "ERR MOVED 1 127.0.0.1:6381",
        "TRYAGAIN Multiple keys request during rehashing of slot",
        "CLUSTERDOWN Hash slot not served",
    ])
    func `any other error redirects nowhere`(text: String) {
        #expect(redirection(text) == nil)
    }

    @Test func `a reply that is no error redirects nowhere`() {
        let text = ArraySlice("MOVED 1 127.0.0.1:6381".utf8)
        for reply in [RedisReply.bulk(text), .status(text), .null, .integer(1), .tooLong] {
            #expect(Redirection(reply, from: asked) == nil)
        }
    }

    @Test func `what a cluster refuses for now can be told from the rest`() {
        #expect(RedisError("CLUSTERDOWN The cluster is down").isTemporaryInCluster)
        #expect(RedisError("TRYAGAIN Multiple keys request").isTemporaryInCluster)
        #expect(!RedisError("MOVED 1 127.0.0.1:6381").isTemporaryInCluster)
        #expect(!RedisError("CROSSSLOT Keys in request").isTemporaryInCluster)
    }
}

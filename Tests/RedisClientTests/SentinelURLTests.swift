import Testing

@testable import RedisClient

struct SentinelURLTests {
    private func url(_ text: String) throws -> SentinelURL? {
        guard case .sentinel(let url) = try Topology(text) else { return nil }
        return url
    }

    @Test func `a URL names sentinels in order, and the primary`() throws {
        let url = try #require(
            try url("sentinel://10.0.0.1,s-2.example:26380,[::1]:7000/my_master-1.a")
        )
        #expect(
            url.sentinels == [
                .tcp(host: "10.0.0.1", port: 26379), .tcp(host: "s-2.example", port: 26380),
                .tcp(host: "::1", port: 7000),
            ]
        )
        #expect(url.name == "my_master-1.a")
        #expect(!url.isSecure)
        #expect(Topology.sentinel(url).endpoints == url.sentinels)
        #expect(Topology.sentinel(url).hasFailover)
    }

    @Test func `another scheme asks for TLS at sentinels and servers`() throws {
        let url = try #require(try url("sentinels://a,b,c/name"))
        #expect(url.isSecure)
        #expect(Topology.sentinel(url).isSecure)
    }

    @Test(arguments: [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (8, 5)])
    func `a majority is more than half of all that are configured`(count: Int, majority: Int) throws
    {
        let hosts = (1...count).map { "h\($0)" }.joined(separator: ",")
        #expect(try url("sentinel://\(hosts)/name")?.majority == majority)
    }

    @Test(arguments: [
        ("sentinel://", StoreURL.Fault.host), ("sentinel:///name", .host),
        ("sentinel://a,/name", .host), ("sentinel://,a/name", .host),
        ("sentinel://a,,b/name", .host),
        ("sentinel://a b/name", .host), ("sentinel://[10.0.0.1]/name", .host),
        ("sentinel://a:0/name", .port), ("sentinel://a:/name", .port),
        ("sentinel://a:65536/name", .port), ("sentinel://a,b:x/name", .port),
        ("sentinel://a,b,a:26379/name", .sentinels),
        ("sentinel://a,b,c,d,e,f,g,h,i/name", .sentinels),
        ("sentinel://a", .primaryName), ("sentinel://a/", .primaryName),
        ("sentinel://a/0/name", .primaryName), ("sentinel://a/na me", .primaryName),
        ("sentinel://a/na\u{E9}", .primaryName), ("sentinel://a/name?x=1", .primaryName),
        ("sentinel://a/" + String(repeating: "n", count: 65), .primaryName),
        ("sentinel://:secret@a/name", .credentials),
        ("sentinels://user:secret@a,b/name", .credentials),
        ("sentinelss://a/name", .unknownScheme), ("SENTINEL://a/name", .unknownScheme),
        ("sentinel:a/name", .unknownScheme),
    ])
    func `any other URL is refused without repeating it`(text: String, fault: StoreURL.Fault) {
        #expect(throws: fault) { try Topology(text) }
        #expect(!fault.description.contains("secret"))
    }
}

struct SentinelReplyTests {
    private func strings(_ texts: String...) -> RedisReply {
        .array(texts.map { .bulk(ArraySlice($0.utf8)) })
    }

    @Test func `a sentinel names the primary by an IP address and a port`() {
        #expect(
            PrimaryAddress.endpoint(strings("10.0.0.1", "6379"))
                == .tcp(host: "10.0.0.1", port: 6379)
        )
        #expect(PrimaryAddress.endpoint(strings("::1", "1")) == .tcp(host: "::1", port: 1))
    }

    @Test func `anything else names no primary`() {
        let replies: [RedisReply] = [
            .null, .array([]), .integer(1), .error(ArraySlice("ERR".utf8)),
            strings("10.0.0.1"), strings("10.0.0.1", "6379", "x"),
            strings("redis.example", "6379"), strings("localhost", "6379"), strings("", "6379"),
            strings("10.0.0.1", ""), strings("10.0.0.1", "0"), strings("10.0.0.1", "-1"),
            strings("10.0.0.1", "65536"), strings("10.0.0.1", "99999999999999999999"),
            strings("10.0.0.1\0", "6379"), strings("10.0.0", "6379"), strings("::1%lo", "6379"),
            .array([.null, .null]), .array([.bulk(ArraySlice("10.0.0.1".utf8)), .integer(6379)]),
        ]
        for reply in replies { #expect(PrimaryAddress.endpoint(reply) == nil, "\(reply)") }
    }

    @Test func `a report has an address, an epoch, a number of replicas, and flags`() throws {
        let report = try #require(
            SentinelReport(
                strings(
                    "name",
                    "mymaster",
                    "ip",
                    "10.0.0.1",
                    "port",
                    "6379",
                    "flags",
                    "master",
                    "num-slaves",
                    "2",
                    "config-epoch",
                    "7"
                )
            )
        )
        #expect(report.address == .tcp(host: "10.0.0.1", port: 6379))
        #expect(report.configEpoch == 7)
        #expect(report.replicaCount == 2)
        #expect(!report.isDown)
        #expect(!report.isFailingOver)
        #expect(report["name"] == "mymaster")
    }

    @Test(arguments: ["s_down,master", "master,o_down", "master,disconnected"])
    func `a server that is not reached is down`(flags: String) {
        #expect(SentinelReport(strings("flags", flags))?.isDown == true)
    }

    @Test(arguments: ["master,failover_in_progress", "master,force_failover"])
    func `a sentinel that conducts a failover says so`(flags: String) {
        #expect(SentinelReport(strings("flags", flags))?.isFailingOver == true)
    }

    @Test func `what a report lacks or spells wrongly is unknown`() throws {
        let report = try #require(
            SentinelReport(
                strings(
                    "ip",
                    "redis.example",
                    "port",
                    "6379",
                    "num-slaves",
                    "-1",
                    "config-epoch",
                    ""
                )
            )
        )
        #expect(report.address == nil)
        #expect(report.configEpoch == nil)
        #expect(report.replicaCount == nil)
        #expect(SentinelReport(strings())?.address == nil)
        let huge = SentinelReport(strings("num-slaves", String(UInt64.max)))
        #expect(huge?.replicaCount.map { $0 &+ 1 } ?? 0 < UInt64.max)
    }

    @Test func `a reply that is not made of pairs is no report`() {
        #expect(SentinelReport(strings("name")) == nil)
        #expect(SentinelReport(.null) == nil)
        #expect(SentinelReport(.array([.null, .null])) == nil)
        #expect(SentinelReport.list(.array([strings("a", "b"), .null])) == nil)
        #expect(SentinelReport.list(.array([strings("a", "b")]))?.count == 1)
        #expect(SentinelReport.list(.null) == nil)
    }
}

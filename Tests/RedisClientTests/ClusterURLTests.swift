import Testing

@testable import RedisClient

struct ClusterURLTests {
    private func url(_ text: String) throws -> ClusterURL? {
        guard case .cluster(let url) = try Topology(text) else { return nil }
        return url
    }

    @Test func `a URL names servers of the cluster in order`() throws {
        let url = try #require(try url("cluster://10.0.0.1,c-2.example:7001,[::1]:7002"))
        #expect(
            url.servers == [
                .tcp(host: "10.0.0.1", port: 6379), .tcp(host: "c-2.example", port: 7001),
                .tcp(host: "::1", port: 7002),
            ]
        )
        #expect(!url.isSecure)
        #expect(Topology.cluster(url).endpoints == url.servers)
        #expect(Topology.cluster(url).hasFailover)
        #expect(!Topology.cluster(url).isSecure)
    }

    @Test func `another scheme asks for TLS`() throws {
        let url = try #require(try url("clusters://a,b,c"))
        #expect(url.isSecure)
        #expect(Topology.cluster(url).isSecure)
    }

    @Test(arguments: ["cluster://a", "cluster://a/", "cluster://a/0"])
    func `one server is enough, and its database is 0`(text: String) throws {
        #expect(try url(text)?.servers == [.tcp(host: "a", port: 6379)])
    }

    @Test(arguments: [
        ("cluster://", StoreURL.Fault.host), ("cluster:///0", .host), ("cluster://a,", .host),
        ("cluster://,a", .host), ("cluster://a,,b", .host), ("cluster://a b", .host),
        ("cluster://[10.0.0.1]", .host), ("cluster://a?x", .host),
        ("cluster://a:0", .port), ("cluster://a:", .port), ("cluster://a:65536", .port),
        ("cluster://a,b:x", .port),
        ("cluster://a,b,a:6379", .clusterServers),
        ("cluster://a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q", .clusterServers),
        ("cluster://a/1", .clusterDatabase), ("cluster://a/00", .clusterDatabase),
        ("cluster://a/0/", .clusterDatabase), ("cluster://a/name", .clusterDatabase),
        ("cluster://:secret@a", .credentials), ("clusters://user:secret@a,b", .credentials),
        ("clusterss://a", .unknownScheme), ("CLUSTER://a", .unknownScheme),
        ("cluster:a", .unknownScheme),
    ])
    func `any other URL is refused without repeating it`(text: String, fault: StoreURL.Fault) {
        #expect(throws: fault) { try Topology(text) }
        #expect(!fault.description.contains("secret"))
    }
}

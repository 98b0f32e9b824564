import Testing

@testable import RedisClient

struct StoreURLTests {
    @Test(arguments: [
        ("redis://127.0.0.1", Endpoint.tcp(host: "127.0.0.1", port: 6379), 0),
        ("redis://127.0.0.1:6380", .tcp(host: "127.0.0.1", port: 6380), 0),
        ("redis://localhost/", .tcp(host: "localhost", port: 6379), 0),
        ("redis://redis-1.example.org:1/15", .tcp(host: "redis-1.example.org", port: 1), 15),
        ("redis://under_score:65535/0", .tcp(host: "under_score", port: 65535), 0),
        ("redis://h/99999", .tcp(host: "h", port: 6379), 99999),
        ("redis://[::1]", .tcp(host: "::1", port: 6379), 0),
        ("redis://[2001:db8::1]:7000/3", .tcp(host: "2001:db8::1", port: 7000), 3),
        ("unix:/run/redis/redis.sock", .unix(path: "/run/redis/redis.sock"), 0),
        ("unix:/a", .unix(path: "/a"), 0),
    ])
    func `a URL names an endpoint and a database`(text: String, endpoint: Endpoint, database: Int)
        throws
    {
        let url = try StoreURL(text)
        #expect(url.endpoint == endpoint)
        #expect(url.database == database)
        #expect(Topology.standalone(url).endpoints == [endpoint])
    }

    @Test(arguments: [
        ("", StoreURL.Fault.unknownScheme),
        ("127.0.0.1:6379", .unknownScheme),
        ("redis:127.0.0.1", .unknownScheme),
        ("redis:/127.0.0.1", .unknownScheme),
        ("REDIS://127.0.0.1", .unknownScheme),
        ("http://127.0.0.1", .unknownScheme),
        ("rediss:127.0.0.1", .unknownScheme),
        ("redisss://127.0.0.1", .unknownScheme),
        ("rediss://", .host),
        ("rediss://:secret@h", .credentials),
        ("rediss://h:0", .port),
        ("rediss://h/x", .database),
        ("sentinel://127.0.0.1/name", .unknownScheme),
        ("/run/redis.sock", .unknownScheme),
        (" redis://127.0.0.1", .unknownScheme),
        ("redis://:secret@h", .credentials),
        ("redis://user:secret@h:6379/0", .credentials),
        ("redis://", .host),
        ("redis:///0", .host),
        ("redis://:6379", .host),
        ("redis://a b", .host),
        ("redis://h%41", .host),
        ("redis://h?x=1", .host),
        ("redis://h#x", .host),
        ("redis://é", .host),
        ("redis://[::1", .host),
        ("redis://[]", .host),
        ("redis://[127.0.0.1]", .host),
        ("redis://[::1%eth0]", .host),
        ("redis://" + String(repeating: "h", count: 254), .host),
        ("redis://h:", .port),
        ("redis://h:0", .port),
        ("redis://h:65536", .port),
        ("redis://h:99999999999999999999", .port),
        ("redis://h:-1", .port),
        ("redis://h:+1", .port),
        ("redis://h:63x", .port),
        ("redis://h: 1", .port),
        ("redis://h:1:2", .port),
        ("redis://::1", .host),
        ("redis://[::1]6379", .port),
        ("redis://[::1]:", .port),
        ("redis://h/x", .database),
        ("redis://h/-1", .database),
        ("redis://h/100000", .database),
        ("redis://h/1/2", .database),
        ("redis://h/0?x", .database),
        ("redis://h//", .database),
        ("unix:", .path),
        ("unix:run/redis.sock", .path),
        ("unix:/a b", .path),
        ("unix:/a\n", .path),
        ("unix:/a\0b", .path),
        ("unix:/" + String(repeating: "p", count: 107), .path),
    ])
    func `anything else is rejected with a reason`(text: String, fault: StoreURL.Fault) {
        #expect(throws: fault) { try StoreURL(text) }
    }

    @Test(arguments: [
        ("rediss://127.0.0.1", Endpoint.tcp(host: "127.0.0.1", port: 6379), 0),
        ("rediss://redis.example:7391/3", .tcp(host: "redis.example", port: 7391), 3),
        ("rediss://[::1]:7391", .tcp(host: "::1", port: 7391), 0),
    ])
    func `a URL with another scheme asks for TLS`(text: String, endpoint: Endpoint, database: Int)
        throws
    {
        let url = try StoreURL(text)
        #expect(url.isSecure)
        #expect(Topology.standalone(url).isSecure)
        #expect(url.endpoint == endpoint)
        #expect(url.database == database)
    }

    @Test(arguments: ["redis://rediss", "unix:/rediss://h"])
    func `no other URL asks for TLS`(text: String) throws {
        let url = try StoreURL(text)
        #expect(!url.isSecure)
        #expect(!Topology.standalone(url).isSecure)
    }

    @Test(arguments: [
        ("redis.example", "redis.example"), ("redis.example.", "redis.example"),
        ("10.0.0.1", "10.0.0.1"), ("[::1]", "::1"),
    ])
    func `a certificate is valid for the host of a URL`(host: String, name: String) throws {
        #expect(try StoreURL("rediss://\(host):7391").endpoint.certificateName == name)
    }

    @Test(arguments: ["redis.example", "redis-1", "under_score", "10.0.0.1", "::1", "2001:db8::1"])
    func `names and addresses are hosts`(text: String) {
        #expect(Endpoint.isHost(text))
    }

    @Test(arguments: [
        "", "a b", "redis.example:7391", "[::1]", "::1%eth0", "a:b", "h/", "*.example", "h\0", "é",
        String(repeating: "h", count: 254),
    ])
    func `anything else is no host`(text: String) {
        #expect(!Endpoint.isHost(text))
    }

    @Test func `the longest path of a socket is accepted`() throws {
        let path = "/" + String(repeating: "p", count: 106)
        #expect(try StoreURL("unix:" + path).endpoint == .unix(path: path))
    }

    @Test(arguments: [
        (Endpoint.tcp(host: "h", port: 1), "h:1"), (.tcp(host: "::1", port: 6379), "[::1]:6379"),
        (.unix(path: "/run/redis.sock"), "unix:/run/redis.sock"),
    ])
    func `an endpoint is displayed as an address`(endpoint: Endpoint, text: String) {
        #expect(endpoint.description == text)
    }

    @Test func `no reason repeats the rejected URL`() {
        for text in [
            "rediss://user:hunter2@h", "redis://user:hunter2@h", "valkey://hunter2",
            "redis://h/0?hunter2", "unix:hunter2",
        ] {
            do throws(StoreURL.Fault) {
                _ = try StoreURL(text)
                Issue.record("\(text) is no URL of a store")
            } catch {
                #expect(!error.description.contains("hunter2"))
            }
        }
    }
}

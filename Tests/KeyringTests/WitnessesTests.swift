import RedisClient
import Testing

@testable import Keyring

struct WitnessesTests {
    private func digest(_ text: String) throws -> String? {
        guard case .sentinel(let url) = try Topology(text) else { return nil }
        return url.digest
    }

    @Test func `the order of sentinels makes no difference, and neither does TLS`() throws {
        let digest = try digest("sentinel://a,b,c/main")
        #expect(digest?.utf8.count == 16)
        #expect(try self.digest("sentinel://c,a:26379,b/main") == digest)
        #expect(try self.digest("sentinels://a,b,c/main") == digest)
    }

    @Test(arguments: [
        "sentinel://a,b/main", "sentinel://a,b,d/main", "sentinel://a,b,c:1/main",
        "sentinel://a,b,c/other",
    ])
    func `another sentinel or another name makes another digest`(text: String) throws {
        #expect(try digest(text) != digest("sentinel://a,b,c/main"))
    }
}

import KeyFormat
import RedisClient
import Testing

@testable import Keyring

struct ConfigurationTests {
    private func configuration(_ text: String) throws(ConfigurationFault) -> Configuration {
        try Configuration(ConfigurationFile.directives(in: Array(text.utf8)))
    }

    private func fault(_ text: String) -> ConfigurationFault? {
        do throws(ConfigurationFault) {
            _ = try configuration(text)
            return nil
        } catch {
            return error
        }
    }

    @Test func `an empty file means the defaults`() throws {
        let configuration = try configuration("")
        #expect(configuration.topology == .standalone(try StoreURL("redis://127.0.0.1:6379")))
        #expect(configuration.gatewayCredentialsFile == nil)
        #expect(configuration.adminCredentialsFile == nil)
        #expect(configuration.tls == nil)
        #expect(configuration.pepperFile == "/etc/latchkey/pepper")
        #expect(configuration.prefix == .standard)
        #expect(configuration.consistency == .leased)
        #expect(configuration.leaseMilliseconds == 1000)
        #expect(configuration.graceMilliseconds == 0)
        #expect(configuration.cacheSize == 100_000)
        #expect(configuration.timeoutMilliseconds == 500)
        #expect(configuration.operators == ["root"])
        #expect(configuration.delegates == [])
        #expect(configuration.rotateAfterMilliseconds == nil)
    }

    @Test func `every directive is understood`() throws {
        let configuration = try configuration(
            """
            latchkey_store       unix:/run/redis.sock;
            latchkey_store_auth  gateway=/etc/latchkey/gateway admin=/etc/latchkey/admin;
            latchkey_pepper_file "/etc/my pepper";
            latchkey_prefix      acme_live;
            latchkey_consistency leased;
            latchkey_lease       2500ms;
            latchkey_outage_grace 10m;
            latchkey_cache_size  1000000;
            latchkey_timeout     2s;
            latchkey_operators   ops deploy;
            latchkey_delegates   portal latchkey-console;
            latchkey_rotate_after 90d;
            latchkey_library     /usr/lib/latchkey/liblatchkey.so;
            """
        )
        #expect(configuration.topology == .standalone(try StoreURL("unix:/run/redis.sock")))
        #expect(configuration.gatewayCredentialsFile == "/etc/latchkey/gateway")
        #expect(configuration.adminCredentialsFile == "/etc/latchkey/admin")
        #expect(configuration.pepperFile == "/etc/my pepper")
        #expect(configuration.prefix == KeyPrefix("acme_live".utf8))
        #expect(configuration.leaseMilliseconds == 2500)
        #expect(configuration.graceMilliseconds == 600_000)
        #expect(configuration.cacheSize == 1_000_000)
        #expect(configuration.timeoutMilliseconds == 2000)
        #expect(configuration.operators == ["root", "ops", "deploy"])
        #expect(configuration.delegates == ["portal", "latchkey-console"])
        #expect(configuration.rotateAfterMilliseconds == 7_776_000_000)
    }

    @Test func `sentinels name the primary, and how many servers hold a change may be said`() throws
    {
        let text = "latchkey_store sentinel://a,b:1,c/main; latchkey_store_auth sentinel=/s;"
        let configuration = try configuration(text)
        #expect(configuration.topology == (try Topology("sentinel://a,b:1,c/main")))
        #expect(configuration.sentinelCredentialsFile == "/s")
        #expect(configuration.copies == nil)
        #expect(try self.configuration(text + "latchkey_copies 2;").copies == 2)
    }

    @Test func `a cluster holds the records, and how many servers hold a change may be said`()
        throws
    {
        let text = "latchkey_store cluster://a,b:1,c; latchkey_copies 3;"
        let configuration = try configuration(text)
        #expect(configuration.topology == (try Topology("cluster://a,b:1,c")))
        #expect(configuration.copies == 3)
        #expect(
            fault(text + "latchkey_store_auth sentinel=/s;")?.message.contains("sentinels") == true
        )
    }

    @Test func `one server is all that one Redis has`() throws {
        #expect(try configuration("latchkey_copies 1;").copies == 1)
    }

    @Test func `with failover a strict worker trusts a primary for the lease, too`() throws {
        let text = "latchkey_consistency strict; latchkey_lease 5s; latchkey_outage_grace 10s;"
        #expect(try configuration(text).trustMilliseconds == 10_000)
        let sentinels = try configuration(text + "latchkey_store sentinel://a,b,c/main;")
        #expect(sentinels.trustMilliseconds == 15_000)
        #expect(sentinels.leaseMilliseconds == 0)
        #expect(sentinels.fenceMilliseconds == 5000)
    }

    @Test func `strict consistency has no lease, even if one is configured`() throws {
        let configuration = try configuration("latchkey_consistency strict; latchkey_lease 5s;")
        #expect(configuration.consistency == .strict)
        #expect(configuration.leaseMilliseconds == 0)
    }

    @Test(arguments: [
        "latchkey_consistency eventual;", "latchkey_lease 49ms;", "latchkey_lease 2h;",
        "latchkey_lease 0;", "latchkey_lease -1s;", "latchkey_outage_grace 8d;",
        "latchkey_cache_size 0;", "latchkey_cache_size 10000001;", "latchkey_cache_size 1k;",
        "latchkey_cache_size -1;", "latchkey_cache_size 99999999999999999999;",
        "latchkey_lease 1000;", "latchkey_timeout 5;", "latchkey_outage_grace 90;",
        "latchkey_rotate_after 90;",
    ])
    func `values out of range are rejected`(text: String) {
        #expect(throws: ConfigurationFault.self) { try configuration(text) }
    }

    @Test(arguments: [
        "LATCHKEY_STORE unix:/a;", "Latchkey_store unix:/a;", "latchkey_Store unix:/a;",
    ])
    func `a directive in upper case is rejected`(text: String) {
        #expect(fault(text)?.message.contains("lower case") == true)
    }

    @Test func `a byte order mark is reported`() {
        #expect(
            fault("\u{FEFF}latchkey_store unix:/a;")?.message.contains("byte order mark") == true
        )
    }

    @Test func `one of the two credentials files is enough`() throws {
        let gateway = try configuration("latchkey_store_auth gateway=/g;")
        #expect(gateway.gatewayCredentialsFile == "/g")
        #expect(gateway.adminCredentialsFile == nil)
        let admin = try configuration("latchkey_store_auth admin=/a;")
        #expect(admin.gatewayCredentialsFile == nil)
        #expect(admin.adminCredentialsFile == "/a")
    }

    @Test func `directives of nginx are skipped`() throws {
        let configuration = try configuration(
            """
            worker_processes 2;
            latchkey on;
            latchkey_realm "my api";
            latchkey_credential bearer header X-API-Key;
            latchkey_error_format problem;
            latchkey_end_streams off;
            server { latchkey_prefix wrong!; listen 80; }
            latchkey_timeout 100ms;
            """
        )
        #expect(configuration.timeoutMilliseconds == 100)
    }

    @Test(arguments: [
        "latchkey_store", "latchkey_store redis://a redis://b", "latchkey_store http://a",
        "latchkey_store rediss://", "latchkey_store rediss://h:0", "latchkey_store sentinel://a",
        "latchkey_store sentinel://a,a/b", "latchkey_store cluster://",
        "latchkey_store cluster://a/1",
        "latchkey_store_auth sentinel=/s", "latchkey_copies 2", "latchkey_copies",
        "latchkey_copies 0",
        "latchkey_copies all", "latchkey_copies 1 1", "latchkey_copies 17",
        "latchkey_store \"\"",
        "latchkey_store_auth", "latchkey_store_auth /f", "latchkey_store_auth gateway=f",
        "latchkey_store_auth gateway=", "latchkey_store_auth gateway=/g nobody=/f",
        "latchkey_pepper_file", "latchkey_pepper_file pepper", "latchkey_pepper_file /a /b",
        "latchkey_pepper_file \"\"",
        "latchkey_prefix", "latchkey_prefix L", "latchkey_prefix lk_prod", "latchkey_prefix a b",
        "latchkey_consistency", "latchkey_consistency eventual", "latchkey_consistency Strict",
        "latchkey_timeout", "latchkey_timeout 0", "latchkey_timeout 61s", "latchkey_timeout -1s",
        "latchkey_timeout soon", "latchkey_timeout 1s 2s", "latchkey_timeout 99999999999999999999y",
        "latchkey_operators", "latchkey_operators \"a b\"", "latchkey_operators ops \"\"",
        "latchkey_delegates", "latchkey_delegates \"a b\"",
        "latchkey_rotate_after", "latchkey_rotate_after 0", "latchkey_rotate_after never",
        "latchkey_library lib.so", "latchkey_library",
        "latchkey_store http://127.0.0.1:6379", "latchkey_store 127.0.0.1:6379",
        "latchkey_store redis://", "latchkey_store redis://127.0.0.1:0",
        "latchkey_store redis://127.0.0.1:65536", "latchkey_store redis://127.0.0.1:6379/x",
        "latchkey_store redis://user:password@127.0.0.1:6379", "latchkey_store unix:",
        "latchkey_store unix:relative/redis.sock", "latchkey_prefix LK", "latchkey_prefix l",
        "latchkey_prefix 9k", "latchkey_prefix abcdefghijklm", "latchkey_prefix lk-a",
        "latchkey_consistency relaxed", "latchkey_consistency leased strict", "latchkey_lease",
        "latchkey_lease 0", "latchkey_lease 49ms", "latchkey_lease 61m", "latchkey_lease soon",
        "latchkey_lease 1000", "latchkey_outage_grace", "latchkey_outage_grace never",
        "latchkey_outage_grace 8d", "latchkey_outage_grace 90", "latchkey_cache_size",
        "latchkey_cache_size 0", "latchkey_cache_size -1", "latchkey_cache_size many",
        "latchkey_cache_size 10000001", "latchkey_cache_size 99999999999999999999",
        "latchkey_timeout 99999999999999999999", "latchkey_timeout 5", "latchkey_rotate_after 90",
        "latchkey_store unix:/" + String(repeating: "x", count: 200),
        "latchkey_unheard_of x", "latchkey_",
    ])
    func `an invalid directive is rejected with its name, line and reason`(
        directive: String
    ) throws {
        let fault = try #require(self.fault("\n\(directive);"))
        let name = try #require(directive.split(separator: " ").first)
        #expect(fault.directive == String(name))
        #expect(fault.line == 2)
        #expect(fault.message.hasPrefix("\"\(name)\" "))
        #expect(fault.message.utf8.count > name.utf8.count + 10)
        #expect(!fault.message.contains("\n"))
    }

    @Test(arguments: [
        "latchkey_store redis://a", "latchkey_store rediss://a", "latchkey_store_auth gateway=/f",
        "latchkey_pepper_file /p",
        "latchkey_prefix ab",
        "latchkey_consistency strict", "latchkey_timeout 1s", "latchkey_operators a",
        "latchkey_delegates a",
        "latchkey_rotate_after 1d",
        "latchkey_library /l",
    ])
    func `a directive may appear once`(directive: String) throws {
        #expect(fault("\(directive);") == nil)
        let fault = try #require(self.fault("\(directive);\n\(directive);"))
        #expect(fault.line == 2)
        #expect(fault.message.hasSuffix("is duplicate"))
    }

    @Test(arguments: [
        "redis://user:hunter2@host", "rediss://user:hunter2@host", "rediss://:hunter2@host",
        "redis://host/0?hunter2",
        "redis://host:hunter2", "redis://hunter2%", "valkey://hunter2",
        "redis://a/0 redis://:hunter2@b",
    ])
    func `no fault repeats a password in a URL`(url: String) throws {
        let fault = try #require(self.fault("latchkey_store \(url);"))
        #expect(!fault.message.contains("hunter2"))
    }
}

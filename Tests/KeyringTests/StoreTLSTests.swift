import RedisClient
import Testing

@testable import Keyring

struct StoreTLSTests {
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

    @Test func `a store with TLS is verified by the system's authorities and its own name`() throws
    {
        let tls = try #require(try configuration("latchkey_store rediss://redis.example:7391;").tls)
        #expect(tls.caFile == nil)
        #expect(tls.certificateFile == nil)
        #expect(tls.keyFile == nil)
        #expect(tls.name == nil)
        #expect(tls.name(of: .tcp(host: "redis.example", port: 7391)) == "redis.example")
    }

    @Test(arguments: [
        "latchkey_store rediss://10.0.0.1; latchkey_store_tls %;",
        "latchkey_store_tls %; latchkey_store rediss://10.0.0.1;",
    ])
    func `the directive is understood before and after the store`(text: String) throws {
        let words = "ca=/ca.pem certificate=/my.pem key=/my.key name=redis.example"
        let parts = text.split(separator: "%")
        let tls = try #require(try configuration("\(parts[0])\(words)\(parts[1])").tls)
        #expect(tls.caFile == "/ca.pem")
        #expect(tls.certificateFile == "/my.pem")
        #expect(tls.keyFile == "/my.key")
        #expect(tls.name == "redis.example")
        #expect(tls.name(of: .tcp(host: "10.0.0.1", port: 6379)) == "redis.example")
    }

    @Test(arguments: [
        "ca=/c", "name=h", "name=10.0.0.1", "name=::1", "certificate=/c key=/k",
        "key=/k certificate=/c", "ca=/a=b",
    ])
    func `each part may stand alone, a certificate with its key`(words: String) {
        #expect(fault("latchkey_store rediss://h; latchkey_store_tls \(words);") == nil)
    }

    @Test(arguments: [
        "", "ca=", "ca=ca.pem", "ca", "ca /c", "/c", "=/c", "CA=/c", "certificate=/c", "key=/k",
        "ca=/c certificate=/c", "certificate=c key=/k", "certificate=/c key=k",
        "certificate= key=/k",
        "name=", "name=a:b", "name=[::1]", "name=h:7391", "name=*.example", "name=\"a b\"",
        "ca=/a ca=/b", "certificate=/a certificate=/b key=/k", "name=a name=b", "verify=off",
        "ca=/c on", "ca=/c name",
    ])
    func `anything else is rejected with the line and the reason`(words: String) throws {
        let fault = try #require(
            self.fault("latchkey_store rediss://h;\nlatchkey_store_tls \(words);")
        )
        #expect(fault.directive == "latchkey_store_tls")
        #expect(fault.line == 2)
        #expect(fault.message.hasPrefix("\"latchkey_store_tls\" "))
        #expect(!fault.message.contains("\n"))
    }

    @Test(arguments: ["", "latchkey_store redis://h;", "latchkey_store unix:/redis.sock;"])
    func `the directive is refused where the store is reached without TLS`(store: String) throws {
        for text in ["\(store) latchkey_store_tls ca=/c;", "latchkey_store_tls ca=/c; \(store)"] {
            let fault = try #require(self.fault(text))
            #expect(fault.directive == "latchkey_store_tls")
            #expect(fault.line == 1)
            #expect(fault.message.contains("rediss://"))
        }
    }

    @Test func `the directive may appear once`() {
        let directive = "latchkey_store_tls ca=/c;"
        let fault = self.fault("latchkey_store rediss://h; \(directive) \(directive)")
        #expect(fault?.message.hasSuffix("is duplicate") == true)
    }
}

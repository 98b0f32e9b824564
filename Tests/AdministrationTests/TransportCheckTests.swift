import Keyring
import Testing

@testable import Administration

/// What the doctor says about the way to the store, and about certificates that end.
struct TransportCheckTests {
    private let now = UnixTime(milliseconds: 1_790_000_000_000)
    private let day: Int64 = 86_400_000

    private func findings(_ store: String) throws -> [Finding] {
        TransportCheck(try Configuration([Directive(name: "latchkey_store", values: [store])]))
            .findings
    }

    @Test(arguments: [
        "unix:/run/redis.sock", "redis://127.0.0.1", "redis://127.8.9.1:7", "redis://[::1]",
        "redis://localhost", "redis://LocalHost:1",
    ])
    func `a store on this host needs no TLS`(store: String) throws {
        #expect(try findings(store).isEmpty)
    }

    @Test(arguments: [
        "redis://10.0.0.7", "redis://redis.example", "redis://[2001:db8::1]", "redis://128.0.0.1",
        "redis://localhost.example", "redis://[::2]", "redis://0.0.0.127",
    ])
    func `a store beyond a network without TLS is advised against`(store: String) throws {
        let finding = try #require(try findings(store).first)
        #expect(finding.check == "store.plaintext")
        #expect(finding.level == .note)
        #expect(finding.remedy?.contains("rediss://") == true)
    }

    private func certificate(endsIn milliseconds: Int64) -> Certificate {
        Certificate(
            names: "DNS:redis.example",
            endsAt: UnixTime(milliseconds: now.milliseconds + milliseconds)
        )
    }

    @Test(arguments: [
        (15, 0, Finding.Level.ok, "ends in 15 days"), (14, 0, .ok, "ends in 14 days"),
        (14, -1, .fault, "ends in 13 days"), (1, 0, .fault, "ends in 1 day"),
        (0, 1, .fault, "ends in 0 days"), (0, -1, .fault, "has expired"),
    ])
    func `a certificate that ends within two weeks is a fault`(
        days: Int64,
        milliseconds: Int64,
        level: Finding.Level,
        end: String
    ) {
        let certificate = certificate(endsIn: days * day + milliseconds)
        let finding = CertificateCheck.finding("store.certificate", "it", certificate, now)
        #expect(finding.level == level)
        #expect(finding.text == "it (DNS:redis.example) \(end)")
        #expect((finding.remedy != nil) == (level == .fault))
    }

    @Test func `of the authorities the one that ends first is reported`() {
        let chain = [40, 30, 3, 300].map { certificate(endsIn: $0 * day) }
        let findings = CertificateCheck.findings(of: chain, now: now)
        #expect(findings.map(\.check) == ["store.certificate", "store.authority"])
        #expect(findings.map(\.level) == [.ok, .fault])
        #expect(findings[1].text.hasSuffix("ends in 3 days"))
    }

    @Test func `without TLS there is no certificate to report`() {
        #expect(CertificateCheck.findings(of: [], now: now).isEmpty)
    }
}

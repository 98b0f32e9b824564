import Keyring
import Testing

@testable import Administration

/// A Redis that does not let the executable do what it must.
struct RefusedCommandTests {
    private let acme = Installation.acme

    @Test(arguments: ["watch", "multi", "hincrby", "hset", "hdel", "xadd"])
    func `without the right to a command of the transaction nothing is written`(command: String)
        throws
    {
        let installation = try Installation()
        try installation.addAcme()
        let before = try installation.fields()
        try installation.redis("ACL", "SETUSER", "default", "-\(command)")
        #expect(failure { try installation.generate() } == .notPermitted)
        #expect(try installation.fields() == before)
    }

    @Test func `without the right to end a transaction nothing is written`() throws {
        let installation = try Installation()
        try installation.addAcme()
        let before = try installation.fields()
        try installation.redis("ACL", "SETUSER", "default", "-exec")
        let error = #expect(throws: AdministrationError.self) { try installation.generate() }
        #expect(error?.message.contains("NOPERM") == true)
        #expect(try installation.fields() == before)
    }

    @Test func `the rights that the documents name are enough for everything`() throws {
        let installation = try Installation()
        try installation.redis(
            "ACL",
            "SETUSER",
            "default",
            "resetkeys",
            "~latchkey:*",
            "resetchannels",
            "&latchkey:barrier",
            "-@all",
            "+ping",
            "+watch",
            "+multi",
            "+exec",
            "+hmget",
            "+hset",
            "+hdel",
            "+hincrby",
            "+hgetall",
            "+xadd",
            "+zscore",
            "+publish",
            "+blpop",
            "+time",
            "+lpop"
        )
        try installation.addAcme()
        let silent = StandInWorker.entry(1, lease: 50)
        try StandInWorker.register(silent, installation.redis)
        guard case .confirmed(_, let answer) = try installation.administration().revoke(acme) else {
            Issue.record("not confirmed")
            return
        }
        #expect(answer == BarrierOutcome(expired: [silent]))
        let fleet = try Membership(through: installation.redis.connect())
        #expect(fleet.entries.isEmpty)
        #expect(try installation.administration().status(of: acme).lastUse == .never)
    }

    @Test func `without the right to read, nothing is known of the record`() throws {
        let installation = try Installation()
        let key = try installation.addAcme()
        try installation.redis("ACL", "SETUSER", "default", "-hmget")
        let alice = try installation.administration()
        #expect(failure { _ = try alice.status(of: acme) } == .notPermitted)
        #expect(failure { _ = try installation.verification(of: key) } == .notPermitted)
    }

    @Test func `a full store is told by its own words`() throws {
        let installation = try Installation()
        try installation.addAcme()
        try installation.redis("CONFIG", "SET", "maxmemory", "1")
        let error = #expect(throws: AdministrationError.self) { try installation.generate() }
        #expect(error?.kind == .store)
        #expect(error?.message.contains("OOM") == true)
    }
}

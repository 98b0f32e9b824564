import Foundation
import Keyring
import RedisClient
import Testing

@testable import Administration

/// A Redis that refuses commands which the executable needs.
struct RefusedCommandTests {
    private let acme = Installation.acme

    @Test(arguments: ["watch", "multi", "hincrby", "hset", "hdel", "rpush", "ltrim"])
    func `without permission for a command of the transaction nothing is written`(command: String)
        throws
    {
        let installation = try Installation()
        try installation.addAcme()
        let before = try installation.fields()
        try installation.redis("ACL", "SETUSER", "default", "-\(command)")
        #expect(failure { try installation.generate() } == .notPermitted)
        #expect(try installation.fields() == before)
    }

    @Test func `without permission to end a transaction nothing is written`() throws {
        let installation = try Installation()
        try installation.addAcme()
        let before = try installation.fields()
        try installation.redis("ACL", "SETUSER", "default", "-exec")
        let error = #expect(throws: AdministrationError.self) { try installation.generate() }
        #expect(error?.message.contains("NOPERM") == true)
        #expect(try installation.fields() == before)
    }

    @Test func `the documented permissions are enough for everything`() throws {
        let installation = try Installation()
        let rules = try Self.documentedRules()
        let command = RedisCommand(["ACL", "SETUSER", "default"] + rules.map { .text($0) })
        #expect(try installation.redis.connect().execute([command])[0].isOK)
        try installation.addAcme()
        let silent = StandInWorker.member(1, lease: 50)
        try StandInWorker.join(silent, installation.redis)
        guard case .confirmed(_, let outcome) = try installation.administration().keys.revoke(acme)
        else {
            Issue.record("not confirmed")
            return
        }
        #expect(outcome == BarrierOutcome(expired: [silent]))
        let membership = try Membership(through: installation.redis.connect())
        #expect(membership.members.isEmpty)
        #expect(try installation.administration().keys.status(of: acme).lastUse == .never)
    }

    /// The rules of the executable's user, without its name and password.
    private static func documentedRules() throws -> [String] {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../docs/acl/admin.acl")
        let words = try String(contentsOf: file, encoding: .utf8).split { $0.isWhitespace }
        return words.dropFirst(4).map(String.init)
    }

    @Test func `without permission to read the record is unknown`() throws {
        let installation = try Installation()
        let key = try installation.addAcme()
        try installation.redis("ACL", "SETUSER", "default", "-hmget")
        let alice = try installation.administration()
        #expect(failure { _ = try alice.keys.status(of: acme) } == .notPermitted)
        #expect(failure { _ = try installation.verification(of: key) } == .notPermitted)
    }

    @Test func `a full store is reported in its own words`() throws {
        let installation = try Installation()
        try installation.addAcme()
        try installation.redis("CONFIG", "SET", "maxmemory", "1")
        let error = #expect(throws: AdministrationError.self) { try installation.generate() }
        #expect(error?.kind == .store)
        #expect(error?.message.contains("OOM") == true)
    }
}

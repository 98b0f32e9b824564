import Keyring
import Testing

@testable import Administration

/// Records that were written without the executable.
struct TamperingTests {
    private let acme = Installation.acme

    static let alterations: [(field: String, value: String?)] = [
        ("organization", "umbrella"), ("organization", nil), ("owner", "bob"), ("owner", nil),
        ("version", "1"), ("version", "-1"), ("state", "revoked"), ("state", "Active"),
        ("verifier", String(repeating: "ab", count: 24)), ("verifier", nil), ("created_at", "0"),
        ("created_at", "-1"), ("created_by", "bob"), ("expires_at", "253402300799999"),
        ("expires_at", "9999999999999999999"), ("previous_until", "253402300799999"),
        ("revoked_at", "1"), ("mac", String(repeating: "0", count: 64)), ("mac", nil),
    ]

    @Test(arguments: alterations)
    func `an altered field is refused, and nothing is written`(
        field: String,
        value: String?
    ) throws {
        let installation = try Installation()
        try installation.addAcme()
        try installation.generate(expiresIn: 86_400_000, grace: 3_600_000)
        if let value {
            try installation.redis("HSET", installation.storeKey(), field, value)
        } else {
            try installation.redis("HDEL", installation.storeKey(), field)
        }
        try expectRefusal(installation)
    }

    @Test func `a record of another organization is refused`() throws {
        let installation = try Installation()
        try installation.addAcme()
        let umbrella = Organization("umbrella")!
        let root = try installation.administration("root")
        _ = try root.organizations.add(umbrella, owner: Installation.alice)
        try installation.redis(
            "COPY",
            "latchkey:record:{\(umbrella.locator)}",
            installation.storeKey(),
            "REPLACE"
        )
        try expectRefusal(installation)
    }

    @Test func `a record of the wrong type is refused`() throws {
        let installation = try Installation()
        try installation.addAcme()
        try installation.redis("DEL", installation.storeKey())
        try installation.redis("SET", installation.storeKey(), "text")
        try expectRefusal(installation)
    }

    @Test func `an owner who was written into a record owns nothing`() throws {
        let installation = try Installation()
        try installation.addAcme()
        try installation.redis("HSET", installation.storeKey(), "owner", "bob")
        let bob = try installation.administration("bob")
        #expect(failure { _ = try bob.keys.status(of: acme) } == .data)
        #expect(failure { _ = try bob.keys.revoke(acme) } == .data)
    }

    @Test func `unknown fields do no harm`() throws {
        let installation = try Installation()
        try installation.addAcme()
        try installation.redis("HSET", installation.storeKey(), "colour", "blue")
        let key = try installation.generate()
        #expect(try installation.verification(of: key) == .issued(.valid(acme)))
    }

    private func expectRefusal(_ installation: Installation) throws {
        let before = try installation.redis("DUMP", installation.storeKey())
        let alice = try installation.administration()
        let root = try installation.administration("root")
        #expect(failure { _ = try alice.keys.status(of: acme) } == .data)
        #expect(failure { _ = try alice.keys.revoke(acme) } == .data)
        #expect(failure { _ = try installation.generate() } == .data)
        #expect(
            failure { _ = try root.organizations.add(acme, owner: Installation.alice) } == .data
        )
        #expect(try installation.redis("DUMP", installation.storeKey()) == before)
    }
}

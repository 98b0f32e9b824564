import Keyring
import RedisClient
import Testing

@testable import Administration

struct LastUseTests {
    private let acme = Installation.acme

    private func lastUse(_ installation: Installation, _ score: Int64?) throws -> KeyStatus.LastUse
    {
        if let score {
            try installation.redis("ZADD", installation.used, "\(score)", "\(acme.locator)")
        }
        return try installation.administration().keys.status(of: acme).lastUse
    }

    @Test func `a use of the active key is shown`() throws {
        let installation = try Installation()
        try installation.addAcme()
        let now = SystemClock.unixTime()
        #expect(try lastUse(installation, nil) == .never)
        #expect(try lastUse(installation, now.milliseconds) == .at(now))
    }

    @Test func `a use of an earlier key is not one of the active key`() throws {
        let installation = try Installation()
        try installation.addAcme()
        let now = SystemClock.unixTime().milliseconds
        #expect(try lastUse(installation, now - 60_000) == .never)
    }

    @Test func `without a key there is no use`() throws {
        let installation = try Installation()
        try installation.addAcme(withKey: false)
        #expect(try lastUse(installation, 1_790_000_000_000) == .never)
    }

    @Test func `a use that the store does not report is unknown, not absent`() throws {
        let installation = try Installation()
        try installation.addAcme()
        try installation.redis("SET", installation.used, "text")
        #expect(try lastUse(installation, nil) == .unknown)
    }

    @Test func `rotation is due from the configured age`() throws {
        let settings = [Directive(name: "latchkey_rotate_after", values: ["1ms"])]
        let installation = try Installation(settings: settings)
        try installation.addAcme()
        let deadline = SystemClock.monotonicTime().advanced(byMilliseconds: 5000)
        while try installation.administration().keys.status(of: acme).rotationDueSince == nil {
            try #require(SystemClock.monotonicTime() < deadline)
        }
        _ = try installation.administration().keys.revoke(acme)
        #expect(try installation.administration().keys.status(of: acme).rotationDueSince == nil)
    }

    @Test func `the previous key is shown only while it is valid`() throws {
        let installation = try Installation()
        try installation.addAcme()
        try installation.generate(grace: 1)
        let deadline = SystemClock.monotonicTime().advanced(byMilliseconds: 5000)
        while try installation.administration().keys.status(of: acme).previousUntil != nil {
            try #require(SystemClock.monotonicTime() < deadline)
        }
        try installation.generate(grace: 600_000)
        #expect(try installation.administration().keys.status(of: acme).previousUntil != nil)
    }
}

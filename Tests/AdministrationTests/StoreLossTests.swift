import Glibc
import Keyring
import RedisClient
import Testing

@testable import Administration

/// Stores that are absent, do not reply, or reply unexpectedly.
struct StoreLossTests {
    private let ping = [RedisCommand("PING")]

    @Test func `an absent store is reported with its address and the reason`() throws {
        let store = try connection("unix:/tmp/latchkey-no-such-socket")
        let fault = #expect(throws: StoreConnection.Fault.self) { try store.execute(ping) }
        guard case .unreachable(let text) = fault else {
            Issue.record("another fault: \(String(describing: fault))")
            return
        }
        #expect(text.contains("unix:/tmp/latchkey-no-such-socket"))
        #expect(text.contains("No such file or directory"))
    }

    @Test func `a closed port is reported`() throws {
        let store = try connection("redis://127.0.0.1:1")
        let fault = #expect(throws: StoreConnection.Fault.self) { try store.execute(ping) }
        #expect(fault == .unreachable("the store at 127.0.0.1:1: Connection refused"))
    }

    @Test func `a store that requires a password is reported`() throws {
        let redis = try RedisServer()
        try redis("CONFIG", "SET", "requirepass", "a password")
        let fault = #expect(throws: StoreConnection.Fault.self) {
            try redis.connect().execute(ping)
        }
        guard case .refused(let text) = fault else {
            Issue.record("another fault: \(String(describing: fault))")
            return
        }
        #expect(text.contains("NOAUTH"))
    }

    @Test func `a store that hangs is given up in time, before and after connecting`()
        throws
    {
        let redis = try RedisServer()
        let connected = try redis.connect()
        _ = try connected.execute(ping)
        redis.freeze()
        let start = SystemClock.monotonicTime()
        let fault = #expect(throws: StoreConnection.Fault.self) { try connected.execute(ping) }
        guard case .interrupted = fault else {
            Issue.record("another fault: \(String(describing: fault))")
            return
        }
        #expect(start.advanced(byMilliseconds: 4900) < SystemClock.monotonicTime())
        #expect(SystemClock.monotonicTime() < start.advanced(byMilliseconds: 7000))
        redis.thaw()
        _ = try redis.connect().execute(ping)
    }

    @Test func `a lost connection is replaced`() throws {
        let redis = try RedisServer()
        let store = try redis.connect()
        _ = try store.execute(ping)
        try redis("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        #expect(throws: StoreConnection.Fault.self) { try store.execute(ping) }
        #expect(try store.execute(ping) == [.status(Array("PONG".utf8)[...])])
    }

    @Test func `many commands are answered in order`() throws {
        let redis = try RedisServer()
        let commands = (0..<300).map { RedisCommand("ECHO", "\($0) \(text($0))") }
        let replies = try redis.connect().execute(commands)
        #expect(replies.map(\.string) == (0..<300).map { "\($0) " + text($0) })
    }

    @Test func `a key that was written is handed over although the reply is lost`() throws {
        let installation = try Installation()
        let old = try installation.addAcme()
        let new = try generate(installation, [.after])
        #expect(try installation.verification(of: new) == .issued(.valid(Installation.acme)))
        #expect(try installation.verification(of: old) == .issued(.revoked))
        #expect(try installation.fields()["version"] == "3")
    }

    @Test func `a revocation that was written is reported although the reply is lost`() throws {
        let installation = try Installation()
        let key = try installation.addAcme()
        let proxy = try CuttingProxy(installation.redis, [.after])
        let alice = try installation.administration(through: proxy)
        #expect(try alice.keys.revoke(Installation.acme) != nil)
        #expect(try installation.verification(of: key) == .issued(.revoked))
    }

    private func generate(_ installation: Installation, _ cuts: [CuttingProxy.Cut]) throws
        -> String
    {
        let proxy = try CuttingProxy(installation.redis, cuts)
        return try installation.administration(through: proxy).keys
            .generate(for: Installation.acme).text.string
    }

    private func text(_ number: Int) -> String { String(repeating: "x", count: 37 * number % 5000) }

    private func connection(_ url: String) throws -> StoreConnection {
        StoreConnection(at: try StoreURL(url).endpoint, credentials: nil)
    }
}

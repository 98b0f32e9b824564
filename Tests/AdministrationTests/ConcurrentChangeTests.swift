import Keyring
import RedisClient
import Testing

@testable import Administration

/// Several clients that change one record at the same time.
struct ConcurrentChangeTests {
    private let acme = Installation.acme

    @Test func `of keys generated at the same time the last one is valid and the record intact`()
        async throws
    {
        let installation = try Installation()
        try installation.addAcme(withKey: false)
        let keys = try await withThrowingTaskGroup(of: [String].self) { group in
            for _ in 0..<2 {
                group.addTask { try (0..<20).map { _ in try installation.generate() } }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        let valid = try keys.filter {
            try installation.verification(of: $0) == .issued(.valid(acme))
        }
        #expect(Set(keys).count == 40)
        #expect(valid.count == 1)
        #expect(try installation.administration().keys.status(of: acme).record.version == 41)
        #expect(
            try installation.redis("LLEN", installation.storeKey("audit")) == .integer(41)
        )
    }

    @Test func `of two principals added as owner at the same time, one becomes the owner`()
        async throws
    {
        let installation = try Installation()
        let added = await withTaskGroup(of: Bool.self) { group in
            for owner in ["alice", "bob"] {
                group.addTask {
                    let root = try? installation.administration("root")
                    return
                        (try? root?.organizations.add(
                            Installation.acme,
                            owner: Principal(owner)!
                        )) ?? false
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(added.count { $0 } == 1)
        #expect(try installation.fields()["version"] == "1")
    }
}

import KeyFormat
import Keyring
import RedisClient

/// Whether what the store has confirmed is still there after a restart of it.
///
/// Redis 7 loads its append-only file as the default user, and passes over each transaction in which
/// that user may not do something, although nobody can log in as that user.
struct RestartExamination {
    private let connection: StoreConnection
    private let information: StoreInformation?

    init(_ connection: StoreConnection, _ information: StoreInformation?) {
        self.connection = connection
        self.information = information
    }

    var findings: [Finding] {
        guard information?["aof_enabled"] == "1",
            let replies = try? connection.execute(RightsProbe.loading)
        else { return [] }
        // Redis 6.2 has no dry runs, and loads its file as nobody.
        if replies.contains(where: { $0.failure?.code == "ERR" }) { return [Self.lasts] }
        if let refused = replies.lazy.compactMap(\.failure).first {
            return [
                .fault(
                    "store.restart",
                    "it cannot be seen whether changes last through a restart: \(refused.message)",
                    "allow +acl|dryrun: docs/ACCESS.md"
                )
            ]
        }
        guard !replies.allSatisfy(\.isOK) else { return [Self.lasts] }
        return [
            .fault(
                "store.restart",
                "at its next start it loads its append-only file as the default user, who may not "
                    + "make Latchkey's changes: all since the file was rewritten are lost",
                "BGREWRITEAOF first, then \"user default off resetpass +@all ~* &*\": docs/ACCESS.md"
            )
        ]
    }

    private static let lasts = Finding.ok("store.restart", "changes last through a restart")
}

import KeyFormat
import Keyring
import RedisClient

/// Whether confirmed changes survive a restart of the store.
///
/// Redis 7 and 8 load their append-only file as the default user, and skip each transaction in which that
/// user lacks a permission, even if nobody may log in as that user.
struct RestartCheck {
    private let connection: StoreConnection
    private let information: StoreInformation

    init(_ connection: StoreConnection, _ information: StoreInformation) {
        self.connection = connection
        self.information = information
    }

    var findings: [Finding] {
        guard let replies = try? connection.execute(PermissionProbe.loading) else { return [] }
        if let refused = replies.firstFailure { return [unseen(refused)] }
        guard !replies.allSatisfy(\.isOK) else { return [Self.lasts] }
        return [
            .fault(
                "store.restart",
                "at its next start Redis loads its append-only file as the default user, which may "
                    + "not make Latchkey's changes: all changes since the last rewrite are lost",
                "run BGREWRITEAOF first, then grant the default user its permissions: docs/ACCESS.md"
            )
        ]
    }

    /// Redis 6.2 has no dry runs, and loads its file without a user.
    private func unseen(_ refused: RedisError) -> Finding {
        guard !information.isOlder(than: (7, 0)) else { return Self.lasts }
        let text = "whether changes survive a restart cannot be checked: \(refused.message)"
        return refused.code == "NOPERM"
            ? .fault("store.restart", text, "allow +acl|dryrun: docs/ACCESS.md")
            : .note(
                "store.restart",
                text,
                "check the permissions of the default user: docs/ACCESS.md"
            )
    }

    private static let lasts = Finding.ok("store.restart", "changes survive a restart")
}

import Keyring
import RedisClient

/// Removes workers that have ended from the membership, so that no later change waits for them.
///
/// Only members whose lease has ended and that have not renewed since are removed. A worker that is
/// alive after all learns from the reply to its next renewal that it was removed, and joins again.
struct MembershipPruning {
    /// Number of attempts when workers renew at the same time.
    private static let attemptsMax = 3

    private let channel: any StoreChannel

    init(_ channel: any StoreChannel) {
        self.channel = channel
    }

    /// Removes the members that are unchanged. On failure the next change tries again.
    func remove(_ expired: [Member]) {
        guard !expired.isEmpty else { return }
        do throws(StoreConnection.Fault) {
            for _ in 0..<Self.attemptsMax where try attempt(expired) { return }
        } catch {
            channel.renew()
        }
    }

    /// Returns `false` if a worker renewed at the same time.
    private func attempt(_ expired: [Member]) throws(StoreConnection.Fault) -> Bool {
        let replies = try channel.execute([MembershipCommands.watch(), MembershipCommands.read()])
        guard replies[0].isOK, let membership = try? Membership(replies[1]) else { return true }
        let unchanged = expired.filter(membership.members.contains)
        guard !unchanged.isEmpty else { return true }
        // MULTI goes alone: if it were refused, the commands behind it would be carried out one by one.
        guard try transact([RedisCommand("MULTI")])[0].isOK else { return true }
        let removal =
            unchanged.flatMap { [MembershipCommands.leave($0.id), SuspectMembers.remove($0.id)] }
            + [RedisCommand("EXEC")]
        return try transact(removal).last != .null
    }

    private func transact(_ commands: [RedisCommand]) throws(StoreConnection.Fault)
        -> [RedisReply]
    {
        try channel.execute(commands, onSameConnection: true)
    }
}

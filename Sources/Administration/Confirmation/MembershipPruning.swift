import Keyring
import RedisClient

/// Takes the entries of workers that have died out of the list, so that nobody waits for them again.
///
/// Only those whose lease is over and whose entry nobody has written since. A worker that lives all
/// the same learns from the store's answer to its next entry that it had been taken out.
struct MembershipPruning {
    /// How often it is tried again because a worker has written its entry in between.
    private static let attemptsMax = 3

    private let channel: any StoreChannel

    init(_ channel: any StoreChannel) {
        self.channel = channel
    }

    /// Takes out what is still as it was. Where that fails, the next change does it.
    func remove(_ expired: [Member]) {
        guard !expired.isEmpty else { return }
        do throws(StoreConnection.Fault) {
            for _ in 0..<Self.attemptsMax where try attempt(expired) { return }
        } catch {
            channel.renew()
        }
    }

    /// Returns `false` where somebody was faster.
    private func attempt(_ expired: [Member]) throws(StoreConnection.Fault) -> Bool {
        let replies = try channel.execute([MembershipCommands.watch(), MembershipCommands.read()])
        guard replies[0].isOK, let membership = try? Membership(replies[1]) else { return true }
        let unchanged = expired.filter(membership.members.contains)
        guard !unchanged.isEmpty else { return true }
        // MULTI goes alone: were it refused, what is behind it would be carried out one by one.
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

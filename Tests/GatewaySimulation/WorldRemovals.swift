import Keyring

@testable import Administration

/// Operators that take workers off the membership list.
extension World {
    /// Removes any member, with the real procedure.
    func removeWorker() {
        counts.changesUnderWay += 1
        defer { counts.changesUnderWay -= 1 }
        withAdministration { administration, client in
            let membership = try Membership(through: administration.channel)
            guard let member = timeline.chance.element(of: membership.members) else { return }
            timeline.log("\(client) takes \(member.id) off the membership list")
            if flaw == .procedure(.removedNotWaitedFor) {
                _ = try administration.channel.execute(MembershipCommands.leave(member))
            } else {
                let removal = MemberRemoval(administration.channel, clock: administration.clock)
                _ = try removal.remove(member)
            }
        }
    }
}

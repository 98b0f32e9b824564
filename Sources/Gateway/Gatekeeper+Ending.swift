import Keyring
import RedisClient

/// How a worker ends.
extension Gatekeeper {
    /// Once no use has been written for this long, the worker leaves the list in any case. Its owner gives up later.
    private static let patienceMilliseconds: UInt64 = 500

    /// Ends the lease and queues what the store still has to receive: all uses, however recent, and then that this
    /// worker leaves.
    public func finish(_ now: ClockReading) {
        isEnding = true
        uses.flushNow(now.monotonic)
        sendUses(now.monotonic)
        membership.end()
        for place in 0..<nodes.count {
            nodes[place].lease.forgotFormer()
            if cluster.isUsed { nodes[place].lease.ended() }
        }
        renewLeases()
        postponeLeaving(now.monotonic)
        leaveIfDue(now.monotonic)
    }

    /// How much the store has not confirmed; 0 if nothing is left. Leaving without the last uses does not lower it.
    public var unconfirmedCount: Int { max(unwrittenCount, membership.isLeaving ? 1 : 0) }

    private var unwrittenCount: Int {
        let isIdle = (0..<nodes.count).allSatisfy { nodes[$0].data.isIdle }
        return uses.unconfirmedCount + (isIdle ? 0 : 1)
    }

    /// When to leave the membership list: after the last uses, since `status` asks the members alone.
    var leaveDue: MonotonicTime {
        guard membership.isLeaving, let list = cluster.listPlace, nodes[list].data.isReady
        else { return .never }
        return unwrittenCount == 0 ? .origin : leaveDeadline
    }

    /// Uses are being written.
    func postponeLeaving(_ now: MonotonicTime) {
        leaveDeadline = now.advanced(byMilliseconds: Self.patienceMilliseconds)
    }

    func leaveIfDue(_ now: MonotonicTime) {
        guard leaveDue <= now, let list = cluster.listPlace else { return }
        for command in membership.leave() { send(command, .leave, to: list, now) }
    }
}

import Keyring
import RedisClient

/// This worker in the membership list: when its entry is written, what it promises, and which replies
/// count.
///
/// An entry with tracking promises that the worker's cache ends with its lease. One without promises
/// only that the worker notices a change in time; it may replace the other once all that was cached
/// has ended.
struct WorkerMembership: ~Copyable {
    /// What the reply to an entry has shown.
    enum Outcome {
        /// Nothing: another reply decides.
        case irrelevant
        /// No administrator knew this worker, or may have known it, before the entry was written at
        /// this moment.
        case joined(MonotonicTime)
        /// The entry has stood since before it was written at this moment.
        case renewed(MonotonicTime)
        /// The entry may not stand.
        case refused(RedisError?)
    }

    private let identity: Gatekeeper.Identity
    private let leaseMilliseconds: UInt64
    private let graceMilliseconds: UInt64
    private var heartbeat: Heartbeat
    private var hasLeft = false

    /// Entries up to this number do not count, whatever the reply.
    private var lastVoid: UInt64 = 0

    init(
        _ identity: Gatekeeper.Identity,
        _ configuration: Configuration,
        _ interval: Heartbeat.Interval
    ) {
        self.identity = identity
        leaseMilliseconds = configuration.leaseMilliseconds
        graceMilliseconds = configuration.graceMilliseconds
        heartbeat = Heartbeat(interval)
    }

    /// Names this worker in acknowledgements.
    var id: Member.ID { identity.id }

    /// When the next entry is due.
    func due(_ lease: Lease) -> MonotonicTime {
        hasLeft ? .never : max(heartbeat.due, mayReplaceEntryAt(lease))
    }

    /// The entry that is due, and its tag. An entry without tracking ends the lease.
    mutating func join(_ lease: inout Lease, cachedRecords: Int, at now: ClockReading) -> (
        RedisCommand, CommandTag
    )? {
        guard due(lease) <= now.monotonic, let number = heartbeat.next(now.monotonic) else {
            return nil
        }
        let entry = entry(lease.isTracking, cachedRecords, now)
        if !lease.isTracking {
            lease.membershipLost()
            lastVoid = number
        }
        let tag = CommandTag(purpose: .join, number: number, sentAt: now.monotonic)
        return (MembershipCommands.join(entry), tag)
    }

    /// Reads the reply to an entry.
    ///
    /// - Parameter hasLapsed: Whether an entry that stood may have been removed meanwhile.
    func outcome(_ reply: RedisReply, _ tag: CommandTag, hasLapsed: Bool) -> Outcome {
        guard !hasLeft else { return .irrelevant }
        let joinReply = JoinReply(reply)
        if case .refused(let error) = joinReply { return .refused(error) }
        guard tag.number > lastVoid else { return .irrelevant }
        return joinReply == .added || hasLapsed ? .joined(tag.sentAt) : .renewed(tag.sentAt)
    }

    /// A connection is new: the entry is due.
    mutating func renewNow(_ now: MonotonicTime) {
        heartbeat.renewNow(now)
    }

    /// The list may be gone, with all entries whose replies are still to come.
    mutating func listLost(_ now: MonotonicTime) {
        lastVoid = heartbeat.last
        heartbeat.renewNow(now)
    }

    /// Leaves the list for good; the command that does so, where there may be an entry.
    mutating func leave() -> RedisCommand? {
        hasLeft = true
        return heartbeat.last > 0 ? MembershipCommands.leave(identity.id) : nil
    }

    private func mayReplaceEntryAt(_ lease: Lease) -> MonotonicTime {
        if lease.isTracking { return .origin }
        return lease.hasLostTracking ? lease.usableUntil : .never
    }

    private func entry(_ isTracking: Bool, _ cachedRecords: Int, _ now: ClockReading) -> Member {
        Member(
            id: identity.id,
            host: identity.host,
            processID: identity.processID,
            version: Release.version,
            isTracking: isTracking,
            leaseMilliseconds: isTracking
                ? leaseMilliseconds : heartbeat.interval.detectionMilliseconds,
            graceMilliseconds: isTracking ? graceMilliseconds : 0,
            heartbeatAt: now.unix,
            recordsCached: UInt64(cachedRecords)
        )
    }
}

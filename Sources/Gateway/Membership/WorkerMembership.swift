import Keyring
import RedisClient

/// This worker in the membership list: when its entry is written, what it promises, and whether it stands.
///
/// The entry is written once, and then read at each heartbeat. While it stands, this worker is in the list
/// that administrators read, in the data set in which it was left; and a store that takes no writes
/// can still say so.
///
/// An entry with tracking promises that the worker's cache ends with its lease. One without promises
/// only that the worker notices a change in time; it may replace the other once all that was cached
/// has ended.
struct WorkerMembership: ~Copyable {
    /// What a reply about the entry has shown.
    enum Outcome {
        /// Nothing: another reply decides.
        case irrelevant
        /// The entry stands from now on. No administrator knew this worker, or may have known it, before.
        case joined
        /// The entry has stood since it was written.
        case stands
        /// The entry is gone, and perhaps all data with it.
        case lost
        /// The entry may not stand.
        case refused(RedisError?)
    }

    private let identity: Gatekeeper.Identity
    private let leaseMilliseconds: UInt64
    private let graceMilliseconds: UInt64
    private let detectionMilliseconds: UInt64
    private let witnesses: String?
    private var heartbeat: Heartbeat
    private var generator: any RandomNumberGenerator

    /// The entry as it was last written; whether it stands is another matter.
    private var entry: Member? { didSet { isEntryTracking = entry?.isTracking } }

    /// Whether the entry promises tracking; `nil` without an entry. Asked at each turn of the event loop,
    /// where the entry itself would be copied.
    private var isEntryTracking: Bool?
    private var isJoining = false

    /// When the entry was last known to stand; `nil` if it may not.
    private var confirmedAt: MonotonicTime?

    /// Replies to heartbeats up to this number do not count.
    private var lastVoid: UInt64 = 0
    private var hasEnded = false

    /// How many replies about the entry were errors since it last stood.
    private(set) var refusals = 0

    #if CANARIES
        /// Takes any entry for its own.
        var believesAnyEntry = false
    #endif

    init(
        _ identity: Gatekeeper.Identity,
        _ configuration: Configuration,
        _ interval: Heartbeat.Interval
    ) {
        self.identity = identity
        generator = identity.generator
        graceMilliseconds = configuration.graceMilliseconds
        trustMilliseconds = configuration.trustMilliseconds
        witnesses = configuration.witnesses
        let detection = interval.detectionMilliseconds
        if configuration.topology.hasFailover {
            leaseMilliseconds = configuration.fenceMilliseconds
            detectionMilliseconds = max(detection, configuration.fenceMilliseconds)
        } else {
            leaseMilliseconds = configuration.leaseMilliseconds
            detectionMilliseconds = detection
        }
        heartbeat = Heartbeat(interval)
    }

    /// Names this worker in acknowledgements.
    var id: Member.ID { identity.id }

    /// The longest that this worker may trust its cache, in milliseconds.
    let trustMilliseconds: UInt64

    /// When this worker was last known to be a member that changes wait for; `nil` if it may not be.
    var registeredAt: MonotonicTime? { isEntryTracking == true ? confirmedAt : nil }

    /// When the next heartbeat is due.
    func due(_ tracking: @autoclosure () -> TrackingState) -> MonotonicTime {
        if hasEnded || isJoining { return .never }
        return max(heartbeat.due, isEntryTracking == nil ? mayJoinAt(tracking()) : .origin)
    }

    /// The commands of the heartbeat that is due, with their tags: they read the entry, or write it.
    mutating func nextCommands(_ tracking: TrackingState, at now: MonotonicTime) -> [(
        RedisCommand, CommandTag
    )] {
        guard due(tracking) <= now, let number = heartbeat.next(now) else { return [] }
        func tag(_ purpose: CommandTag.Purpose) -> CommandTag {
            CommandTag(purpose: purpose, number: number, sentAt: now)
        }
        let isOutdated = isEntryTracking != tracking.isTracking && mayJoinAt(tracking) <= now
        if isEntryTracking != nil, !isOutdated {
            return [(MembershipCommands.readEntry(id), tag(.entryRead))]
        }
        let commands = join(tracking.isTracking)
        return commands.dropLast().map { ($0, tag(.joinPart)) }
            + commands.suffix(1).map { ($0, tag(.join)) }
    }

    private mutating func join(_ isTracking: Bool) -> [RedisCommand] {
        let replaced = confirmedAt == nil ? nil : entry?.token
        let member = member(isTracking)
        entry = member
        confirmedAt = nil
        isJoining = true
        return MembershipCommands.join(member, replacing: replaced)
    }

    /// Reads the reply to the end of a registration.
    mutating func joinOutcome(_ reply: RedisReply, _ tag: CommandTag) -> Outcome {
        guard !hasEnded else { return .irrelevant }
        isJoining = false
        switch JoinReply(reply) {
        case .joined:
            guard tag.number > lastVoid else { return .irrelevant }
            confirmedAt = tag.sentAt
            refusals = 0
            return .joined
        case .refused(let error):
            entry = nil
            refusals += 1
            return .refused(error)
        }
    }

    /// Reads the reply to a heartbeat that read the entry.
    mutating func entryOutcome(_ reply: RedisReply, _ tag: CommandTag) -> Outcome {
        guard !hasEnded, tag.number > lastVoid, let entry else { return .irrelevant }
        switch entryReply(reply, entry) {
        case .stands:
            let isKnown = confirmedAt.map { !hasLapsed(since: $0, at: tag.sentAt) } ?? false
            confirmedAt = tag.sentAt
            refusals = 0
            return isKnown ? .stands : .joined
        case .gone:
            self.entry = nil
            listLost(.origin)
            return .lost
        case .refused(let error):
            refusals += 1
            return .refused(error)
        }
    }

    /// Whether the entry was not found for so long that changes may not have waited for this worker, although
    /// it stands again: the store may have been restored.
    private func hasLapsed(since moment: MonotonicTime, at now: MonotonicTime) -> Bool {
        guard trustMilliseconds > 0 else { return false }
        return moment.advanced(byMilliseconds: trustMilliseconds) <= now
    }

    private func entryReply(_ reply: RedisReply, _ entry: Member) -> EntryReply {
        #if CANARIES
            if believesAnyEntry, case .bulk = reply { return .stands }
        #endif
        return EntryReply(reply, of: entry)
    }

    /// A connection is new: a heartbeat is due, and a registration in flight is lost.
    mutating func renewNow(_ now: MonotonicTime) {
        isJoining = false
        heartbeat.renewNow(now)
    }

    /// The list may be gone, with all entries whose replies are still to come.
    mutating func listLost(_ now: MonotonicTime) {
        confirmedAt = nil
        lastVoid = heartbeat.last
        heartbeat.renewNow(now)
    }

    /// This worker ends: it no longer joins, and may not use its cache.
    mutating func end() {
        hasEnded = true
        confirmedAt = nil
    }

    /// Whether this worker has ended, and its entry may stand.
    var isLeaving: Bool { hasEnded && entry != nil }

    /// The commands with which it leaves the list. They are sent once: repeated, they would falsify the checksum.
    mutating func leave() -> [RedisCommand] {
        defer { entry = nil }
        return entry.map { MembershipCommands.leave($0) } ?? []
    }

    private func mayJoinAt(_ tracking: TrackingState) -> MonotonicTime {
        if tracking.isTracking { return .origin }
        return tracking.hasLostTracking ? tracking.usableUntil : .never
    }

    private mutating func member(_ isTracking: Bool) -> Member {
        Member(
            id: identity.id,
            host: identity.host,
            processID: identity.processID,
            version: Release.version,
            isTracking: isTracking,
            leaseMilliseconds: isTracking ? leaseMilliseconds : detectionMilliseconds,
            graceMilliseconds: isTracking ? graceMilliseconds : 0,
            token: Member.Token(using: &generator),
            witnesses: witnesses
        )
    }
}

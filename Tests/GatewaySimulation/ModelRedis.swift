import RedisClient
import TestSupport

/// A Redis server, as far as Latchkey uses it. It behaves as real servers were measured to:
///
/// - A turn of its event loop serves all connections with pending commands, in any order.
/// - Invalidations are sent at the end of a turn, in one message, after the answers and published
///   messages of that turn.
/// - The invalidation of FLUSHALL and published messages enter the outputs at once.
/// - All outputs of a turn leave at its end. With I/O threads, as Redis 8 has them, replies may leave
///   earlier, while other connections of the same turn are still to be served.
/// - Timeouts and expiry follow the server's wall clock.
/// - While the server is stopped, its kernel still accepts connections and bytes.
/// - A replica takes no writes, and what its primary has executed arrives in that order.
final class ModelRedis: ModelListener {
    static let invalidations = "__redis__:invalidate"
    static let membershipKey = "latchkey:{gateways}"
    static let recordPrefix = "latchkey:record:"

    enum Condition {
        case running
        /// Stopped: it serves nothing and loses nothing.
        case paused
        /// The process has ended: its connections are gone, its data are not.
        case down
    }

    /// What the server refuses.
    enum Refusal: CaseIterable {
        /// Workers lack the permission to write the membership list.
        case joins
        /// Workers lack the permission to track changes.
        case tracking
        /// Clients lack the permission to ask for information.
        case information
        /// Administrators lack the permission to send signals.
        case signals
        /// Memory is full: commands that may take more are refused.
        case growth
        /// The disk is full: all writes are refused, and PING.
        case writes
    }

    let timeline: Timeline
    let hasThreads: Bool
    private(set) var condition = Condition.running
    private(set) var sessions: [Session] = []
    var replicationID = ""
    private var lastSession = 0
    private var loadedAt: Nanoseconds = 0
    private var refusals: [Refusal: Nanoseconds] = [:]
    private var clockSkew: ServerTime = 0

    var isTurnDue = false
    /// The rest of a turn that was begun; only a server with I/O threads is seen in the middle of one.
    var restOfTurn: (() -> Void)?

    var data = Dataset()
    var changedKeys: [String] = []

    /// Earlier states of the membership list, the last one first.
    private(set) var formerLists: [[String: String]] = []

    /// Where it listens.
    let endpoint: Endpoint

    /// Whether others may follow it.
    let isReplicated: Bool

    /// The server that it follows; `nil` for a primary.
    var leader: ModelRedis?
    var upstream: ModelReplication?
    var followers: [ModelReplication] = []
    var isConnecting = false

    /// Whether it has had everything that the server had which it follows.
    var hasCopy = false

    /// Number of changes so far; the last ones; and how far it has followed an earlier term.
    var offset = 0
    var backlog: [ModelChange] = []
    var formerID: String?
    var formerOffset = 0

    /// Its part in a cluster; `nil` for a server that is in none.
    var seat: ModelSeat?

    /// Whether the network leads to another server.
    var reaches: (ModelRedis) -> Bool = { _ in true }

    /// Called with the key of each record that is now as at the server that it follows.
    var onCopy: (String) -> Void = { _ in }

    /// Called with each executed command.
    var onCommand: (Client, [String]) -> Void = { _, _ in }

    /// Called with the key of each written record, after the whole transaction.
    var onRecord: (String, Client) -> Void = { _, _ in }

    /// - Parameter isReplicated: Whether others may follow it.
    init(
        _ timeline: Timeline,
        hasThreads: Bool = false,
        at endpoint: Endpoint = .unix(path: "/simulated"),
        isReplicated: Bool = false
    ) {
        self.timeline = timeline
        self.hasThreads = hasThreads
        self.endpoint = endpoint
        self.isReplicated = isReplicated
        beginTerm()
    }

    var isLoading: Bool { timeline.now < loadedAt }

    /// The time by the server's clock.
    var time: ServerTime {
        ServerTime(MachineClock.unixMicroseconds(at: timeline.now) / 1000) + clockSkew
    }

    func session(_ number: Int) -> Session? { sessions.first { $0.number == number } }
}

// MARK: - Faults

extension ModelRedis {
    func refuses(_ refusal: Refusal) -> Bool { timeline.now < refusals[refusal, default: 0] }

    /// Refuses something for a while. Connections that use tracking are closed when it is refused.
    func refuse(_ refusal: Refusal, for span: Nanoseconds) {
        refusals[refusal] = max(refusals[refusal, default: 0], timeline.now + span)
        guard refusal == .tracking else { return }
        for session in sessions where session.tracking != nil { kill(session) }
    }

    /// SWAPDB: takes another database in place of this one. No invalidation tells of that. Entries that
    /// are the same in both are left out: they could not tell the databases apart.
    func swap(_ database: Dataset) {
        let before = data
        let entries = before.hashes[Self.membershipKey] ?? [:]
        data = database
        data.replace(
            Self.membershipKey,
            with: data.hashes[Self.membershipKey]?.filter { entries[$0.key] != $0.value }
        )
        _ = data.drainTouched()
        for session in sessions where !session.watched.isEmpty { session.isDirty = true }
        let keys = Set(before.hashes.keys).union(data.hashes.keys)
        for key in keys.sorted() where key.hasPrefix(Self.recordPrefix) {
            if before.hashes[key] != data.hashes[key] { onRecord(key, .stranger) }
        }
    }

    /// Steps the server's wall clock.
    func stepClock(by span: ServerTime) {
        clockSkew += span
        wake()
        for session in sessions {
            for until in [session.blocked?.until, session.awaited?.until] {
                if let until, until < .max { wake(at: until) }
            }
        }
    }

    /// Becomes a primary anew, as after a failover and back.
    func beginTerm() {
        let digits = (0..<5).map { _ in String(timeline.chance.next() >> 32 | 1 << 32, radix: 16) }
        replicationID = digits.map { $0.suffix(8) }.joined()
    }

    /// Loses the last writes to the membership list, or all of it.
    func loseList() {
        let former = timeline.chance.percent(30) ? nil : timeline.chance.element(of: formerLists)
        data.replace(Self.membershipKey, with: former)
        _ = data.drainTouched()
    }

    func noteFormerList() {
        guard let list = data.hashes[Self.membershipKey], list != formerLists.first else { return }
        formerLists.insert(list, at: 0)
        if formerLists.count > 6 { formerLists.removeLast() }
    }

    /// Ends all faults of the server.
    func recover() {
        refusals = [:]
        resume()
        start()
    }
}

// MARK: - Connections

extension ModelRedis {
    /// Accepts a connection.
    func accept(_ wire: Wire) {
        lastSession += 1
        sessions.append(Session(lastSession, wire))
        wire.up.onArrival = { [unowned self] in wake() }
        wake()
    }

    /// CLIENT KILL: closes a connection. Bytes that were sent before still arrive, unless they are lost.
    func kill(_ session: Session, isLost: Bool = false) {
        sessions.removeAll { $0 === session }
        if isLost { session.wire.down.loseAll() }
        session.wire.closeByServer()
    }

    /// Drops a connection without notifying the client.
    func drop(_ wire: Wire) {
        sessions.removeAll { $0.wire === wire }
        wire.up.abandon()
    }

    func closeEnded() {
        sessions.removeAll { session in
            guard session.wire.up.hasEnded else { return false }
            session.wire.closeByServer()
            return true
        }
    }
}

// MARK: - The process

extension ModelRedis {
    func pause() {
        if condition == .running { condition = .paused }
    }

    func resume() {
        guard condition == .paused else { return wake() }
        condition = .running
        if let rest = restOfTurn {
            restOfTurn = nil
            rest()
        }
        upstream?.handOut()
        wake()
    }

    /// Ends the process. Its clients are not notified if the machine fails with it.
    func die(isNotified: Bool) {
        condition = .down
        for session in sessions {
            if isNotified { session.wire.closeByServer() } else { session.wire.up.abandon() }
        }
        sessions = []
        changedKeys = []
        restOfTurn = nil
        breakReplication()
    }

    /// Starts with its data; for a while it only answers that it is loading them.
    func start() {
        guard condition == .down else { return }
        let takesLong = timeline.chance.percent(30)
        let span = takesLong ? timeline.chance.number(1...Nanoseconds.milliseconds(50)) : 0
        condition = .running
        lastSession = 0
        loadedAt = timeline.now + span
        beginTerm()
        if isReplica { connectToLeader() }
    }
}

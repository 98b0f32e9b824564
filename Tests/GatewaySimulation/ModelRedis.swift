import TestSupport

/// A Redis 7 server, as far as Latchkey uses it. It behaves as real servers were measured to:
///
/// - A turn of its event loop serves all connections with pending commands, in any order.
/// - Invalidations are sent at the end of a turn, in one message, behind the answers and published
///   messages of that turn.
/// - The invalidation of FLUSHALL and published messages enter the outputs at once.
/// - All outputs of a turn leave at its end.
/// - While the server is stopped, its kernel still accepts connections and bytes.
final class ModelRedis {
    static let invalidations = "__redis__:invalidate"

    enum Condition {
        case running
        /// Stopped: it serves nothing and loses nothing.
        case paused
        /// The process has ended: its connections are gone, its data are not.
        case down
    }

    let timeline: Timeline
    private(set) var condition = Condition.running
    private(set) var sessions: [Session] = []
    private var lastSession = 0
    private var isTurnDue = false
    private var loadedAt: Nanoseconds = 0
    private var joinsRefusedUntil: Nanoseconds = 0
    private var trackingRefusedUntil: Nanoseconds = 0

    var data = Dataset()
    var changedKeys: [String] = []

    /// Called with each executed command.
    var onCommand: (Client, [String]) -> Void = { _, _ in }

    /// Called with the key of each written record, after the whole transaction.
    var onRecord: (String, Client) -> Void = { _, _ in }

    /// Whether PUBLISH returns the number of its receivers.
    let countsReceivers: Bool

    init(_ timeline: Timeline, countsReceivers: Bool = true) {
        self.countsReceivers = countsReceivers
        self.timeline = timeline
    }

    var isLoading: Bool { timeline.now < loadedAt }

    /// Whether workers lack the permission to write the membership list.
    var refusesJoins: Bool { timeline.now < joinsRefusedUntil }

    func refuseJoins(for span: Nanoseconds) { joinsRefusedUntil = timeline.now + span }

    /// Whether workers lack the permission to track changes.
    var refusesTracking: Bool { timeline.now < trackingRefusedUntil }

    /// Refuses CLIENT TRACKING for a while, and closes the connections that use it.
    func refuseTracking(for span: Nanoseconds) {
        trackingRefusedUntil = max(trackingRefusedUntil, timeline.now + span)
        for session in sessions where session.tracking != nil { kill(session) }
    }

    /// Ends all faults of the server.
    func recover() {
        joinsRefusedUntil = 0
        trackingRefusedUntil = 0
        resume()
        start()
    }

    func session(_ number: Int) -> Session? { sessions.first { $0.number == number } }
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
}

// MARK: - The process

extension ModelRedis {
    func pause() {
        if condition == .running { condition = .paused }
    }

    func resume() {
        if condition == .paused { condition = .running }
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
    }

    /// Starts with its data; for a while it only answers that it is loading them.
    func start() {
        guard condition == .down else { return }
        let takesLong = timeline.chance.percent(30)
        let span = takesLong ? timeline.chance.number(1...Nanoseconds.milliseconds(50)) : 0
        condition = .running
        lastSession = 0
        loadedAt = timeline.now + span
    }

    func wake(after span: Nanoseconds = 0) {
        guard span > 0 || !isTurnDue else { return }
        if span == 0 { isTurnDue = true }
        timeline.after(span + timeline.chance.number(1000...50_000)) { [self] in
            if span == 0 { isTurnDue = false }
            if condition == .running { turn() }
        }
    }
}

// MARK: - A turn of the event loop

extension ModelRedis {
    private func turn() {
        for session in sessions.shuffled(using: &timeline.chance) {
            endWait(of: session)
            serve(session)
        }
        sendInvalidations()
        for session in sessions where !session.output.isEmpty {
            session.wire.down.send(session.output)
            session.output = []
        }
        sessions.removeAll { session in
            guard session.wire.up.hasEnded else { return false }
            session.wire.closeByServer()
            return true
        }
    }

    func serve(_ session: Session) {
        session.reader.feed(session.wire.up.read())
        while session.blocked == nil, let command = nextCommand(of: session) {
            timeline.log("store: \(session.wire.client): \(command.prefix(4))")
            carryOut(command, for: session)
            processTouched(by: session)
            serveLists()
        }
    }

    private func nextCommand(of session: Session) -> [String]? {
        do throws(CommandReader.Malformed) {
            return try session.reader.next()
        } catch {
            preconditionFailure("the client does not speak the Redis protocol")
        }
    }

    /// Fails the transactions that watch a written key, and collects the keys to be invalidated.
    func processTouched(by session: Session) {
        for key in data.drainTouched() {
            for other in sessions where other.watched.contains(key) { other.isDirty = true }
            if !changedKeys.contains(key) { changedKeys.append(key) }
            if key.hasPrefix("latchkey:record:") { onRecord(key, session.wire.client) }
        }
    }

    private func sendInvalidations() {
        defer { changedKeys = [] }
        guard !changedKeys.isEmpty else { return }
        for session in sessions {
            guard let tracking = session.tracking, let target = self.session(tracking.target),
                target.isSubscribed
            else { continue }
            let keys = changedKeys.filter { $0.hasPrefix(tracking.prefix) }
            guard !keys.isEmpty else { continue }
            target.push(Self.invalidations, .array(keys.map { .bulk($0) }))
        }
    }

    /// Hands elements of lists to the clients blocked on them.
    private func serveLists() {
        for session in sessions {
            guard let (key, _) = session.blocked,
                let element = data.pop(key, 1, at: timeline.now)?.first
            else { continue }
            session.blocked = nil
            session.answer(.array([.bulk(key), .bulk(element)]))
            // Its next commands are served in the next turn.
            wake()
        }
    }

    private func endWait(of session: Session) {
        guard let (_, until) = session.blocked, until <= timeline.now else { return }
        session.blocked = nil
        session.answer(.array(nil))
    }
}

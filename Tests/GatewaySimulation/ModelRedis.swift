import TestSupport

/// A Redis 7 server, as far as Latchkey uses it, with what was measured of real ones:
///
/// - A turn of its event loop serves all connections on which commands have arrived, in any order.
/// - Changed keys are told at the end of a turn, in one message; before that, the answers and the
///   published messages of the turn have gone into the same outputs.
/// - FLUSHALL is told at once. What is published goes into the outputs at once.
/// - All outputs of a turn leave at its end.
/// - A stopped server still lets the kernel accept connections and bytes.
final class ModelRedis {
    static let invalidations = "__redis__:invalidate"

    enum Condition {
        case running
        /// Stopped: nothing is served, nothing is lost.
        case paused
        /// No process: its connections are gone, its data are not.
        case down
    }

    let timeline: Timeline
    private(set) var condition = Condition.running
    private(set) var sessions: [Session] = []
    private var lastSession = 0
    private var isTurnDue = false
    private var loadedAt: Nanoseconds = 0
    private var entriesRefusedUntil: Nanoseconds = 0
    private var trackingRefusedUntil: Nanoseconds = 0

    var data = Dataset()
    var changedKeys: [String] = []

    /// Told of every command that is carried out for a client.
    var onCommand: (Client, [String]) -> Void = { _, _ in }

    /// Told of every record that is written, when all commands that belong together are done.
    var onRecord: (String, Client) -> Void = { _, _ in }

    /// Whether it says how many clients a publication came to.
    let tellsListeners: Bool

    init(_ timeline: Timeline, tellsListeners: Bool = true) {
        self.tellsListeners = tellsListeners
        self.timeline = timeline
    }

    var isLoading: Bool { timeline.now < loadedAt }

    /// Whether somebody has taken the gateways the right to write their entries.
    var refusesEntries: Bool { timeline.now < entriesRefusedUntil }

    func refuseEntries(for span: Nanoseconds) { entriesRefusedUntil = timeline.now + span }

    /// Whether somebody has taken the gateways the right to be told of changes.
    var refusesTracking: Bool { timeline.now < trackingRefusedUntil }

    /// Connections that were told of changes are closed.
    func refuseTracking(for span: Nanoseconds) {
        trackingRefusedUntil = max(trackingRefusedUntil, timeline.now + span)
        for session in sessions where session.tracking != nil { kill(session) }
    }

    /// All is as it should be.
    func recover() {
        entriesRefusedUntil = 0
        trackingRefusedUntil = 0
        resume()
        start()
    }

    func session(_ number: Int) -> Session? { sessions.first { $0.number == number } }
}

// MARK: - Connections

extension ModelRedis {
    /// A connection has been made.
    func accept(_ wire: Wire) {
        lastSession += 1
        sessions.append(Session(lastSession, wire))
        wire.up.onArrival = { [unowned self] in wake() }
        wake()
    }

    /// CLIENT KILL: closes a connection; what was sent before still arrives, unless it is lost.
    func kill(_ session: Session, isLost: Bool = false) {
        sessions.removeAll { $0 === session }
        if isLost { session.wire.down.loseAll() }
        session.wire.closeByServer()
    }

    /// Gives up a connection of which the client hears nothing.
    func forget(_ wire: Wire) {
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

    /// The process ends. Its clients hear of that, or not if its machine goes with it.
    func die(isHeard: Bool) {
        condition = .down
        for session in sessions {
            if isHeard { session.wire.closeByServer() } else { session.wire.up.abandon() }
        }
        sessions = []
        changedKeys = []
    }

    /// Starts with the data that were there; for a while it only says that it is loading them.
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
        tellChangedKeys()
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
        session.reader.feed(session.wire.up.take())
        while session.blocked == nil, let command = nextCommand(of: session) {
            timeline.tell("store: \(session.wire.client): \(command.prefix(4))")
            carryOut(command, for: session)
            settleTouched(by: session)
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

    /// What was written makes transactions that watch it fail, and is told at the end of the turn.
    func settleTouched(by session: Session) {
        for key in data.takeTouched() {
            for other in sessions where other.watched.contains(key) { other.isDirty = true }
            if !changedKeys.contains(key) { changedKeys.append(key) }
            if key.hasPrefix("latchkey:record:") { onRecord(key, session.wire.client) }
        }
    }

    private func tellChangedKeys() {
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

    /// Hands elements of lists to those who wait for them.
    private func serveLists() {
        for session in sessions {
            guard let (key, _) = session.blocked,
                let element = data.pop(key, 1, at: timeline.now)?.first
            else { continue }
            session.blocked = nil
            session.answer(.array([.bulk(key), .bulk(element)]))
            // What it had sent behind that is served in the next turn.
            wake()
        }
    }

    private func endWait(of session: Session) {
        guard let (_, until) = session.blocked, until <= timeline.now else { return }
        session.blocked = nil
        session.answer(.array(nil))
    }
}

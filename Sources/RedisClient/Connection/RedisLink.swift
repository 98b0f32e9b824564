import DequeModule

/// One connection to a Redis server, without the connection: it takes what happened and says what
/// to do.
///
/// The owner carries out the orders, moves the bytes and takes the events. Commands are pipelined,
/// and each reply is matched to its command by order, so a connection on which anything went wrong
/// is given up, and a new one is made, at first at once and then ever more slowly.
///
/// A link is its owner's alone, and part of it: to ask it something counts no reference. Nothing here
/// is generic: the compiler then knows the layout of each event.
public struct RedisLink: ~Copyable {
    /// What a link needs to know of its server.
    public typealias Settings = LinkSettings

    /// What the owner is to do with the connection.
    public enum Order: Equatable, Sendable {
        case open
        case close
    }

    /// What has become of the link and of its commands.
    ///
    /// Each case has a payload: where one has none, the compiler tells it apart by bits that it
    /// leaves unset elsewhere, to which memory checkers object.
    public enum Event {
        /// Commands may be sent, since then.
        case ready(since: MonotonicTime)
        case reply(CommandTag, RedisReply)
        /// Came without being asked for, to a link that listens.
        case pushed(PushedMessage)
        /// The connection is gone; these commands may or may not have been carried out.
        case lost(LinkFailure, unanswered: [CommandTag])
    }

    private enum State {
        case waiting(until: MonotonicTime)
        case connecting(deadline: MonotonicTime)
        case handshaking
        case ready(since: MonotonicTime)
    }

    private let settings: Settings
    private var state = State.waiting(until: MonotonicTime(nanoseconds: 0))
    private var backoff = Backoff()
    private var decoder: RESPDecoder?
    private var output = OutputBuffer()
    private var steps: Deque<(step: HandshakeStep, deadline: MonotonicTime)> = []
    private var commands: Deque<(tag: CommandTag, deadline: MonotonicTime)> = []
    private var orders: Deque<Order> = []
    private var events: Deque<Event> = []

    /// A link that asks to be opened at its first tick.
    public init(_ settings: Settings) {
        self.settings = settings
    }

    /// Whether commands may be sent.
    public var isReady: Bool { if case .ready = state { true } else { false } }

    /// Whether a connection is being made, or is about to be without a pause.
    public func isConnecting(_ now: MonotonicTime) -> Bool {
        switch state {
        case .waiting(let until): until <= now
        case .connecting, .handshaking: true
        case .ready: false
        }
    }

    /// Whether nothing waits to be written or answered.
    public var isIdle: Bool { output.isEmpty && steps.isEmpty && commands.isEmpty }

    /// The next thing to do with the connection.
    public mutating func nextOrder() -> Order? { orders.popFirst() }

    /// The next thing that has become known.
    public mutating func nextEvent() -> Event? { events.popFirst() }

    /// Whether bytes wait to be written.
    public var hasOutput: Bool { !output.isEmpty }

    /// Moves bytes that are to be written into a buffer; returns their number.
    public mutating func drainOutput(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        output.take(into: buffer)
    }

    /// Sends a command. Returns `false`, having done nothing, where the link is not ready.
    public mutating func send(_ command: RedisCommand, tag: CommandTag, now: MonotonicTime)
        -> Bool
    {
        guard isReady else { return false }
        output.append(command)
        commands.append((tag, replyDeadline(now)))
        return true
    }
}

// MARK: - What happened

extension RedisLink {
    /// The connection has been made.
    public mutating func opened(_ now: MonotonicTime) {
        guard case .connecting = state else { return }
        guard let decoder = RESPDecoder() else { return fail(.noMemory, now) }
        self.decoder = decoder
        state = .handshaking
        begin(HandshakeStep.steps(settings), now)
    }

    /// The connection could not be made, or was lost.
    public mutating func closed(_ now: MonotonicTime) {
        guard decoder != nil || isBeingOpened else { return }
        giveUp(.disconnected, now)
    }

    /// Bytes have come, in any pieces.
    public mutating func received(_ bytes: UnsafeRawBufferPointer, _ now: MonotonicTime) {
        guard let decoder else { return }
        decoder.feed(bytes)
        do throws(RESPDecoder.Failure) {
            while self.decoder != nil, let reply = try decoder.next() { take(reply, now) }
        } catch {
            fail(.protocolError(error), now)
        }
    }

    /// The owner has found that what came cannot be true: a new connection is made.
    public mutating func abandon(_ failure: LinkFailure, _ now: MonotonicTime) {
        guard decoder != nil else { return }
        fail(failure, now)
    }

    /// Time has passed: a due connection is asked for, an overdue one given up.
    public mutating func tick(_ now: MonotonicTime) {
        guard deadline <= now else { return }
        switch state {
        case .waiting:
            orders.append(.open)
            state = .connecting(deadline: replyDeadline(now))
        case .connecting, .handshaking, .ready:
            fail(.timeout, now)
        }
    }

    /// When the next tick is due.
    public var deadline: MonotonicTime {
        switch state {
        case .waiting(let until): until
        case .connecting(let deadline): deadline
        case .handshaking: steps.first?.deadline ?? .never
        case .ready: commands.first?.deadline ?? .never
        }
    }
}

// MARK: - Steps

extension RedisLink {
    private var isBeingOpened: Bool { if case .connecting = state { true } else { false } }

    private func replyDeadline(_ now: MonotonicTime) -> MonotonicTime {
        now.advanced(byMilliseconds: settings.timeoutMilliseconds)
    }

    private mutating func begin(_ more: [HandshakeStep], _ now: MonotonicTime) {
        for step in more {
            step.append(to: &output)
            steps.append((step, replyDeadline(now)))
        }
    }

    private mutating func take(_ reply: RedisReply, _ now: MonotonicTime) {
        if settings.subscription != nil, let publication = PushedMessage(reply) {
            events.append(.pushed(publication))
            return
        }
        if let command = commands.popFirst() {
            backoff.reset()
            events.append(.reply(command.tag, reply))
        } else if let (step, _) = steps.popFirst() {
            takeStep(step, reply, now)
        } else {
            fail(.unsolicited, now)
        }
    }

    private mutating func takeStep(_ step: HandshakeStep, _ reply: RedisReply, _ now: MonotonicTime)
    {
        if let failure = step.failure(reply) { return fail(failure, now) }
        begin(step.following(reply, settings.subscription), now)
        guard steps.isEmpty else { return }
        state = .ready(since: now)
        events.append(.ready(since: now))
    }

    private mutating func fail(_ failure: LinkFailure, _ now: MonotonicTime) {
        orders.append(.close)
        giveUp(failure, now)
    }

    private mutating func giveUp(_ failure: LinkFailure, _ now: MonotonicTime) {
        let unanswered = commands.map(\.tag)
        if case .ready(let since) = state { backoff.connectionEnded(readySince: since, now) }
        steps.removeAll()
        commands.removeAll()
        output.removeAll()
        decoder = nil
        state = .waiting(until: now.advanced(byMilliseconds: backoff.nextPauseMilliseconds()))
        events.append(.lost(failure, unanswered: unanswered))
    }
}

import DequeModule

/// What the owner of a link has to do with its connection.
public enum LinkOrder: Equatable, Sendable {
    /// Connect to ``RedisLink/endpoint``, which is known, then call ``RedisLink/opened(_:)`` or
    /// ``RedisLink/closed(_:_:)``.
    case open
    /// Close; no ``RedisLink/closed(_:_:)`` is expected.
    case close
    /// Write what ``RedisLink/drainOutput(into:)`` holds. Ordered once until it has been drained.
    case write
}

/// One connection to a Redis server as a state machine, without the socket.
///
/// The owner reports what happened, carries out the orders, moves the bytes and handles the events.
/// Commands are pipelined, and replies are matched to commands by order. A connection on which
/// anything went wrong is therefore closed and replaced: the first time at once, then with backoff.
///
/// A link has a single owner and is stored in it, so that using it counts no references. Nothing here
/// is generic: the compiler then knows the layout of each event.
public struct RedisLink: ~Copyable {
    /// What has happened to the link and its commands.
    ///
    /// Every case has a payload. The compiler tells a case without one apart by bits that the others
    /// leave unset, and memory checkers object to reading those.
    public enum Event {
        /// Commands may be sent, from this moment on.
        case ready(since: MonotonicTime)
        case reply(CommandTag, RedisReply)
        /// Redis sent this on its own.
        case invalidated(Invalidation)
        /// The connection is gone. These commands may or may not have been executed.
        case lost(LinkFailure, unanswered: [CommandTag])
    }

    private enum State {
        case waiting(until: MonotonicTime)
        case connecting(deadline: MonotonicTime)
        case handshaking
        case ready(since: MonotonicTime)
    }

    private var settings: LinkSettings
    private var state = State.waiting(until: .origin)
    private var backoff = Backoff()
    private var decoder: RESPDecoder?
    private var output = OutputBuffer()
    private var isWriteOrdered = false
    private var steps: Deque<(step: HandshakeStep, deadline: MonotonicTime)> = []
    private var commands: Deque<(tag: CommandTag, deadline: MonotonicTime)> = []
    private var orders: Deque<LinkOrder> = []
    private var events: Deque<Event> = []

    /// A link that orders its connection at the first tick, or once it is given a server.
    public init(_ settings: LinkSettings) {
        self.settings = settings
        if settings.endpoint == nil { state = .waiting(until: .never) }
    }

    /// Where the server listens; `nil` while that is not known.
    public var endpoint: Endpoint? { settings.endpoint }

    /// The host name or IP address that the server's certificate must be valid for; `nil` for a
    /// connection without TLS.
    public var certificateName: String? { settings.certificateName }

    /// Whether commands may be sent.
    public var isReady: Bool { if case .ready = state { true } else { false } }

    /// Whether a connection is being established, or will be without a pause.
    public func isConnecting(_ now: MonotonicTime) -> Bool {
        switch state {
        case .waiting(let until): until <= now
        case .connecting, .handshaking: true
        case .ready: false
        }
    }

    /// Whether nothing is left to be written or answered.
    public var isIdle: Bool { output.isEmpty && steps.isEmpty && commands.isEmpty }

    /// Whether bytes are left to be written.
    public var hasOutput: Bool { !output.isEmpty }

    /// The next order.
    public mutating func nextOrder() -> LinkOrder? {
        if let order = orders.popFirst() { return order }
        guard hasOutput, !isWriteOrdered else { return nil }
        isWriteOrdered = true
        return .write
    }

    /// The next event.
    public mutating func nextEvent() -> Event? { events.popFirst() }

    /// Moves output into a buffer; returns the number of bytes.
    public mutating func drainOutput(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        let count = output.drain(into: buffer)
        if !hasOutput { isWriteOrdered = false }
        return count
    }

    /// Sends a command. Returns `false` without an effect where the link is not ready.
    public mutating func send(_ command: RedisCommand, tag: CommandTag, now: MonotonicTime)
        -> Bool
    {
        guard isReady else { return false }
        output.append(command)
        commands.append((tag, replyDeadline(now)))
        return true
    }
}

// MARK: - Reports of the owner

extension RedisLink {
    /// The connection is established.
    public mutating func opened(_ now: MonotonicTime) {
        guard case .connecting = state else { return }
        guard let decoder = RESPDecoder(replyLengthMax: settings.replyLengthMax)
        else { return fail(.noMemory, now) }
        self.decoder = decoder
        state = .handshaking
        begin(HandshakeStep.steps(settings), now)
    }

    /// The connection could not be established, or was lost; the owner has closed it.
    public mutating func closed(_ now: MonotonicTime, _ failure: LinkFailure = .disconnected) {
        guard decoder != nil || isBeingOpened else { return }
        disconnect(failure, now)
    }

    /// Bytes have arrived, in pieces of any size.
    public mutating func received(_ bytes: UnsafeRawBufferPointer, _ now: MonotonicTime) {
        guard let decoder else { return }
        decoder.feed(bytes)
        do throws(RESPDecoder.Failure) {
            while self.decoder != nil, let reply = try decoder.next() { receive(reply, now) }
        } catch {
            fail(.protocolError(error), now)
        }
    }

    /// The owner distrusts what it received: the connection is replaced.
    public mutating func abandon(_ failure: LinkFailure, _ now: MonotonicTime) {
        guard decoder != nil else { return }
        fail(failure, now)
    }

    /// Gives the link another server. The connection to the one before is closed: it counts as lost.
    public mutating func move(
        to endpoint: Endpoint,
        certificateName: String?,
        _ now: MonotonicTime
    ) {
        settings.endpoint = endpoint
        settings.certificateName = certificateName
        leave(now)
        backoff = Backoff()
        state = .waiting(until: now)
    }

    /// Takes the link its server away. The connection counts as lost.
    public mutating func release(_ now: MonotonicTime) {
        settings.endpoint = nil
        settings.certificateName = nil
        leave(now)
        state = .waiting(until: .never)
    }

    /// Ends a pause between two attempts: the server may be reached again.
    public mutating func retryNow(_ now: MonotonicTime) {
        if case .waiting(let until) = state, until != .never {
            state = .waiting(until: min(until, now))
        }
    }

    /// Orders a connection that is due, and gives up one that is overdue.
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

    private mutating func receive(_ reply: RedisReply, _ now: MonotonicTime) {
        if settings.trackedPrefix != nil, let invalidation = Invalidation(reply) {
            events.append(.invalidated(invalidation))
            return
        }
        if let command = commands.popFirst() {
            backoff.reset()
            events.append(.reply(command.tag, reply))
        } else if let (step, _) = steps.popFirst() {
            advanceHandshake(step, reply, now)
        } else {
            fail(.unsolicited, now)
        }
    }

    private mutating func advanceHandshake(
        _ step: HandshakeStep,
        _ reply: RedisReply,
        _ now: MonotonicTime
    ) {
        if let failure = step.failure(reply) { return fail(failure, now) }
        begin(step.following(reply, settings.trackedPrefix), now)
        guard steps.isEmpty else { return }
        state = .ready(since: now)
        events.append(.ready(since: now))
    }

    /// Closes the connection to a server that is no longer this link's.
    private mutating func leave(_ now: MonotonicTime) {
        guard decoder != nil || isBeingOpened else { return }
        orders = [.close]
        disconnect(.replaced, now)
    }

    private mutating func fail(_ failure: LinkFailure, _ now: MonotonicTime) {
        orders.append(.close)
        disconnect(failure, now)
    }

    private mutating func disconnect(_ failure: LinkFailure, _ now: MonotonicTime) {
        let unanswered = commands.map(\.tag)
        if case .ready(let since) = state { backoff.connectionEnded(readySince: since, now) }
        steps.removeAll()
        commands.removeAll()
        output.removeAll()
        isWriteOrdered = false
        decoder = nil
        state = .waiting(until: now.advanced(byMilliseconds: backoff.nextPauseMilliseconds(now)))
        events.append(.lost(failure, unanswered: unanswered))
    }
}

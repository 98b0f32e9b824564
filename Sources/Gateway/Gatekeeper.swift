import DequeModule
import KeyFormat
import Keyring
import RedisClient

/// One worker's gatekeeper: says of each credential whether it opens the gate.
///
/// Strict: a key that was not issued here is refused without the store, and every other check reads
/// the store. It does no I/O and reads no clock: the owner tells what happened and when, carries
/// out ``nextOrder(_:)`` and hands out ``nextDecision()`` after each call that takes bytes or time.
public final class Gatekeeper {
    /// What a check came to at once.
    public enum Admission {
        case decided(Decision)
        /// The decision comes later, with the request's mark. The ticket, never 0, cancels it.
        case waiting(ticket: UInt64)
    }

    /// What is to be done with a connection to the store.
    public enum LinkOrder: Equatable, Sendable {
        case open(Endpoint)
        case close
        /// Bytes wait in ``takeOutput(link:into:)``.
        case write
    }

    /// What a command is for. A number and not an enum, because the compiler tells apart cases of
    /// the link's events by bits that a case without a payload leaves unset: memory checkers
    /// object.
    private struct Mark: Equatable {
        let read: PendingChecks.ReadID

        /// No read: last uses.
        static let uses = Mark(read: -1)
    }

    /// Checks that may wait for the store; more than a worker has connections.
    private static let waitingMax = 65_536

    /// Organizations of which a last use may wait to be sent.
    private static let usesMax = 65_536

    private let timeoutMilliseconds: UInt64
    private let verifier: KeyVerifier
    private let seal: RecordSeal
    private let endpoint: Endpoint
    private let link: RedisLink<Mark>
    private var isWriteOrdered = false
    private var pending = PendingChecks(countMax: waitingMax)
    private var decided: Deque<(check: PendingChecks.Check, decision: Decision)> = []
    private var usage = UsageRecorder(countMax: usesMax)
    private var log = EventLog()

    /// A gatekeeper that asks for its connection at its first tick.
    public init(_ configuration: Configuration, secrets: GatewaySecrets) {
        timeoutMilliseconds = configuration.timeoutMilliseconds
        verifier = KeyVerifier(prefix: configuration.prefix, peppers: secrets.peppers)
        seal = RecordSeal(peppers: secrets.peppers)
        switch configuration.topology {
        case .standalone(let url):
            endpoint = url.endpoint
            link = RedisLink(
                .init(
                    database: url.database,
                    credentials: secrets.credentials,
                    timeoutMilliseconds: configuration.timeoutMilliseconds
                )
            )
        }
    }
}

// MARK: - Checks

extension Gatekeeper {
    /// Begins a check. `request` is the caller's mark, given back by ``nextDecision()``.
    public func check(_ credential: Span<UInt8>, request: UInt, at now: ClockReading) -> Admission {
        switch verifier.verdict(on: credential) {
        case .malformed: .decided(.fromText(.malformed))
        case .forged: .decided(.fromText(.forged))
        case .issued(let key): askStore(key, request, now)
        }
    }

    /// Forgets a check whose decision was not handed out; unknown tickets do no harm.
    public func cancel(ticket number: UInt64) {
        let ticket = PendingChecks.Ticket(number: number)
        if pending.remove(ticket) == nil { decided.removeAll { $0.check.ticket == ticket } }
    }

    /// The next decision that has become known.
    public func nextDecision() -> (request: UInt, decision: Decision)? {
        decided.popFirst().map { ($0.check.request, $0.decision) }
    }

    /// Number of checks that wait for the store.
    public var waitingCount: Int { pending.count }

    private func askStore(_ key: KeyVerifier.IssuedKey, _ request: UInt, _ now: ClockReading)
        -> Admission
    {
        guard link.isReady || link.isBeingMade(now.monotonic) else {
            return .decided(.unavailable(key.locator))
        }
        let deadline = now.monotonic.advanced(byMilliseconds: timeoutMilliseconds)
        guard let ticket = pending.add(request: request, key: key, deadline: deadline) else {
            log.note(.tooManyChecks, now.monotonic, "too many checks wait for the store")
            return .decided(.unavailable(key.locator))
        }
        return .waiting(ticket: ticket.number)
    }

    private func giveUp(_ checks: [PendingChecks.Check]) {
        for check in checks { decided.append((check, .unavailable(check.key.locator))) }
    }
}

// MARK: - The link

extension Gatekeeper {
    /// The next thing to do with a connection. Called at the end of a turn of the event loop, this
    /// is where all reads of the turn are put into one write.
    public func nextOrder(_ now: ClockReading) -> (link: UInt32, order: LinkOrder)? {
        sendReads(now.monotonic)
        switch link.nextOrder() {
        case .open: return (0, .open(endpoint))
        case .close: return (0, .close)
        case nil: break
        }
        guard link.hasOutput, !isWriteOrdered else { return nil }
        isWriteOrdered = true
        return (0, .write)
    }

    /// Moves bytes that are to be written into a buffer; returns their number.
    public func takeOutput(link number: UInt32, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        guard number == 0 else { return 0 }
        let count = link.takeOutput(into: buffer)
        if !link.hasOutput { isWriteOrdered = false }
        return count
    }

    /// The connection has been made.
    public func linkOpened(_ number: UInt32, at now: ClockReading) {
        guard number == 0 else { return }
        link.opened(now.monotonic)
        takeEvents(now)
    }

    /// The connection could not be made, or was lost.
    public func linkClosed(_ number: UInt32, at now: ClockReading) {
        guard number == 0 else { return }
        link.closed(now.monotonic)
        takeEvents(now)
    }

    /// Bytes have come.
    public func linkReceived(
        _ number: UInt32,
        _ bytes: UnsafeRawBufferPointer,
        at now: ClockReading
    ) {
        guard number == 0 else { return }
        link.received(bytes, now.monotonic)
        takeEvents(now)
    }

    private func sendReads(_ now: MonotonicTime) {
        guard link.isReady, pending.hasUnsent else { return }
        for read in pending.takeUnsent()
        where !link.send(KeyCommands.read(read.locator), mark: Mark(read: read.id), now: now) {
            giveUp(pending.finish(read.id))
        }
    }

    private func takeEvents(_ now: ClockReading) {
        while let event = link.nextEvent() {
            switch event {
            case .ready:
                log.note(.storeReady, now.monotonic, "connected to the store at \(endpoint)")
            case .reply(let mark, let reply) where mark == .uses: takeUsesReply(reply, now)
            case .reply(let mark, let reply): takeRecord(reply, read: mark.read, now)
            case .lost(let failure, let unanswered): takeLoss(failure, unanswered, now)
            }
        }
    }

    private func takeRecord(_ reply: RedisReply, read: PendingChecks.ReadID, _ now: ClockReading) {
        let checks = pending.finish(read)
        guard let locator = checks.first?.key.locator else { return }
        do throws(RecordFault) {
            let record = try StoredRecord(reply).activeRecord(at: locator, seal: seal)
            for check in checks {
                let standing = KeyStanding(of: check.key.verifier, in: record, at: now.unix)
                if case .valid = standing { usage.record(locator, at: now) }
                decided.append((check, .fromStore(standing, locator)))
            }
        } catch {
            log.note(.recordRefused, now.monotonic, "the record of locator \(locator) \(error)")
            giveUp(checks)
        }
    }

    private func takeLoss(_ failure: LinkFailure, _ unanswered: [Mark], _ now: ClockReading) {
        isWriteOrdered = false
        log.note(.storeLost, now.monotonic, "the store at \(endpoint): \(failure)")
        for mark in unanswered where mark != .uses { pending.resend(mark.read) }
        usage.resend(now.monotonic)
        if !link.isBeingMade(now.monotonic) { giveUp(pending.takeAll()) }
    }
}

// MARK: - Last uses

extension Gatekeeper {
    /// Puts all last uses into the output, however young they are.
    public func finish(_ now: ClockReading) {
        usage.hurry(now.monotonic)
        sendUses(now.monotonic)
    }

    /// Whether the store has confirmed all that was written to it.
    public var isSettled: Bool { usage.isEmpty && link.isIdle }

    private func sendUses(_ now: MonotonicTime) {
        guard link.isReady else { return }
        for command in usage.takeBatch() where !link.send(command, mark: .uses, now: now) {
            usage.resend(now)
        }
    }

    private func takeUsesReply(_ reply: RedisReply, _ now: ClockReading) {
        if let error = reply.failure {
            log.note(.usesRefused, now.monotonic, "last uses were not recorded: \(error.message)")
        }
        usage.answered()
    }
}

// MARK: - Time

extension Gatekeeper {
    /// Lets time pass. Returns when to call again.
    public func tick(_ now: ClockReading) -> MonotonicTime {
        link.tick(now.monotonic)
        takeEvents(now)
        giveUp(pending.takeOverdue(now.monotonic))
        if usage.deadline <= now.monotonic { sendUses(now.monotonic) }
        return min(link.deadline, pending.deadline, link.isReady ? usage.deadline : .never)
    }

    /// The next line for the error log.
    public func nextLogLine() -> EventLog.Line? { log.next() }
}

import Keyring
import RedisClient

/// Waits until no worker trusts what it cached before a change: until each has acknowledged the signal
/// that followed it, or its lease has ended.
///
/// The order is essential. The store carries the reading of the membership out after the change: a worker
/// that joins later caches only what is stored now.
struct Barrier {
    /// Longest wait in milliseconds, counted from the change.
    static let waitMilliseconds: UInt64 = 30_000

    /// After this long without an acknowledgement the signal is sent again, for workers that missed it while
    /// they reconnected. Shorter than the timeout of any reply.
    private static let roundMilliseconds: UInt64 = 100

    /// After the first acknowledgement of a round, this long is waited for each further one.
    private static let nextMilliseconds: UInt64 = 5

    /// The most acknowledgements that one write waits for.
    private static let awaitedMax = 16

    /// A worker, and when it can no longer trust what it cached before the change.
    private typealias Waited = (member: Member, trustEnd: MonotonicTime)

    private let store: RetryingStore
    private let signal: Signal
    private let isSignalAllowed: Bool
    private let trustMilliseconds: UInt64
    private let witnesses: String?

    /// Goes after the acknowledgements in each write.
    private let question: [RedisCommand]

    /// What the store replied to the question in the last write.
    private var answer: [RedisReply] = []

    /// Whether the signal was sent since the last acknowledgement was missed.
    private var isSent: Bool

    /// Whether the store has carried the signal out at least once.
    private var couldBeAcknowledged: Bool

    /// The IDs of the workers, as texts: the runtime would search for 0.1 ms how to hash another type.
    private var acknowledged: Set<String> = []
    private var isInterrupted = false
    private var fault: String?

    /// - Parameters:
    ///   - store: Its start is the moment at which the reply to the change had arrived.
    ///   - signalling: Whether the signal was sent with the change.
    ///   - trustMilliseconds: How long a worker may trust its cache by the configuration.
    ///   - witnesses: Which sentinels name the primary by the configuration; `nil` if none do.
    ///   - question: What the caller asks once no worker's cache has survived; at most a few commands.
    init(
        _ store: RetryingStore,
        _ signal: Signal,
        _ signalling: Signalling,
        trustMilliseconds: UInt64,
        witnesses: String? = nil,
        question: [RedisCommand] = []
    ) {
        self.store = store
        self.signal = signal
        self.trustMilliseconds = trustMilliseconds
        self.witnesses = witnesses
        self.question = question
        isSent = signalling.signal != nil
        couldBeAcknowledged = isSent
        isSignalAllowed = !signalling.isRefused
    }

    /// A barrier that no worker's cache has survived.
    struct Passage {
        let outcome: BarrierOutcome

        /// The fleet that it was sent to.
        let fleet: FleetReading

        /// The replies to the question; `nil` where it has to be asked anew.
        let answer: [RedisReply]?
    }

    /// Reads the fleet for a later run: what that waits for passes from now on.
    ///
    /// - Parameter list: A reading of the list since the change; in a cluster it serves for several records.
    /// - Returns: `nil` if the witnesses name other primaries than those that the fleet was read at.
    /// - Throws: Why nothing is known.
    func read(besides list: FleetReading?) throws(ConfirmationResult.Uncertainty) -> FleetReading? {
        guard let list else { return try attested(try fleet(nil)) }
        return try attested(list.with(record: try recordServer()))
    }

    /// Returns when no worker trusts what it cached before the change.
    ///
    /// - Parameter known: The fleet, if it was read after the change.
    /// - Returns: `nil` if the witnesses name other primaries than those that the fleet was read at.
    /// - Throws: Why that is uncertain.
    mutating func run(_ known: FleetReading?) throws(ConfirmationResult.Uncertainty) -> Passage? {
        guard let fleet = try attested(try fleet(known)) else { return nil }
        let trust = trust(fleet)
        let unlistedEnd = fleet.unlistedTrustEnd(trust)
        let workers = workers(of: fleet)
        wait(for: workers, unlistedUntil: unlistedEnd)
        let outcome = outcome(workers, unlistedEnd, fleet.membership.unreadable)
        finish(fleet, trust, unlistedEnd)
        guard outcome.isComplete else { throw .unacknowledged(outcome) }
        // Nothing was waited for but acknowledgements, and the store carries commands out in order.
        let isLast =
            unlistedEnd <= fleet.readAt && workers.allSatisfy { hasAcknowledged($0.member) }
        return Passage(
            outcome: outcome,
            fleet: fleet,
            answer: isLast && !answer.isEmpty ? answer : nil
        )
    }

    /// How long workers that the list lacks may trust their caches, in milliseconds.
    private func trust(_ fleet: FleetReading) -> UInt64 {
        max(trustMilliseconds, fleet.membership.trustMilliseconds)
    }

    /// The fleet, with the moment at which the witnesses named its servers where a wait begins; `nil` if they name others.
    private func attested(_ fleet: FleetReading) throws(ConfirmationResult.Uncertainty)
        -> FleetReading?
    {
        guard fleet.attestedAt == nil, fleet.beginsWait(trust(fleet)),
            store.channel.replicated != nil
        else { return fleet }
        guard try areAttested(fleet.servers) else { return nil }
        var fleet = fleet
        fleet.attestedAt = store.clock.monotonic
        return fleet
    }

    /// Whether all witnesses name these servers.
    private func areAttested(_ servers: [FleetReading.Server])
        throws(ConfirmationResult.Uncertainty) -> Bool
    {
        for server in servers {
            guard let replicated = store.channel.at(server.place).replicated,
                try store.findPrimary(replicated, unanimously: true).primary == server.primary
            else { return false }
        }
        return true
    }

    /// The fleet. A list without a generation gets one first: a hand-over needs it.
    private func fleet(_ known: FleetReading?) throws(ConfirmationResult.Uncertainty)
        -> FleetReading
    {
        let fleet = if let known { known } else { try readFleet(FleetReading.commands) }
        guard !fleet.membership.hasGeneration else { return fleet }
        return try readFleet([Membership.begin(as: signal.id)] + FleetReading.commands)
    }

    private func readFleet(_ commands: [RedisCommand]) throws(ConfirmationResult.Uncertainty)
        -> FleetReading
    {
        let list = store.at(.membership)
        let replies = try executing(list, commands)
        let primary = list.channel.primary
        let record = try recordServer()
        return try translating(
            try FleetReading(
                replies.suffix(FleetReading.commands.count),
                bootID: store.clock.bootID,
                at: store.clock.monotonic,
                from: primary,
                record: record
            )
        ) { (error: RedisError) in
            ConfirmationResult.Uncertainty.membershipUnknown(error.message)
        }
    }

    /// The server of the record in a cluster; `nil` where it has the list, too. It is asked for the record as well, so that
    /// no other one replies.
    private func recordServer() throws(ConfirmationResult.Uncertainty) -> FleetReading.Server? {
        guard store.channel.cluster != nil else { return nil }
        let place = Place.record(signal.locator)
        let holder = store.at(place)
        let replies = try executing(holder, [KeyCommands.read(signal.locator), Term.read])
        let primary = holder.channel.primary
        return FleetReading.Server(place: place, primary: primary, replies.last)
    }

    private func executing(_ store: RetryingStore, _ commands: [RedisCommand])
        throws(ConfirmationResult.Uncertainty) -> [RedisReply]
    {
        try translating(try store.execute(commands)) { (fault: StoreConnection.Fault) in
            ConfirmationResult.Uncertainty.membershipUnknown(AdministrationError(fault).message)
        }
    }

    /// All workers that may still trust what they cached before.
    private func workers(of fleet: FleetReading) -> [Waited] {
        let listed = fleet.membership.members.map { member in
            (member: member, trustEnd: isForeign(member) ? .never : fleet.trustEnd(of: member))
        }
        let suspects = fleet.membership.suspects
            .map { (member: $0.member, trustEnd: fleet.trustEnd(of: $0)) }
            .filter { fleet.readAt < $0.trustEnd }
        return listed + suspects
    }

    /// Whether a worker may take another server for the primary, and trust it for as long as its sentinels name it.
    private func isForeign(_ worker: Member) -> Bool { worker.witnesses != witnesses }

    private mutating func wait(for workers: [Waited], unlistedUntil unlistedEnd: MonotonicTime) {
        var haveBeenAsked = false
        while true {
            let now = store.clock.monotonic
            let pending = workers.filter { worker in
                !hasAcknowledged(worker.member) && (!haveBeenAsked || now < worker.trustEnd)
            }
            guard !pending.isEmpty || now < unlistedEnd, now < store.deadline else { return }
            let ends = pending.map(\.trustEnd) + (now < unlistedEnd ? [unlistedEnd] : [])
            guard
                store.shouldContinue(
                    pending: pending.map(\.member),
                    of: workers.count,
                    until: ends.max() ?? now
                )
            else {
                isInterrupted = true
                return
            }
            // The fleet may have been read long ago: nobody is taken for silent who was not asked.
            let first = haveBeenAsked ? now : now.advanced(byMilliseconds: Self.roundMilliseconds)
            let end = max(ends.min() ?? now, first)
            round(until: min(end, store.deadline), awaited: pending.count)
            haveBeenAsked = true
        }
    }

    private func hasAcknowledged(_ worker: Member) -> Bool {
        acknowledged.contains(worker.id.description)
    }

    private func outcome(
        _ workers: [Waited],
        _ unlistedEnd: MonotonicTime,
        _ unreadable: [String]
    ) -> BarrierOutcome {
        let now = store.clock.monotonic
        var outcome = BarrierOutcome()
        for worker in workers where !hasAcknowledged(worker.member) {
            if worker.trustEnd <= now {
                outcome.expired.append(worker.member)
            } else if worker.trustEnd == .never, isForeign(worker.member) {
                outcome.foreign.append(worker.member)
            } else {
                let until = unixTime(worker.trustEnd, now)
                outcome.unacknowledged.append(.init(member: worker.member, until: until))
            }
        }
        outcome.unlistedUntil = now < unlistedEnd ? unixTime(unlistedEnd, now) : nil
        outcome.unreadable = unreadable
        outcome.isInterrupted = isInterrupted
        outcome.fault = fault
        return outcome
    }

    private func unixTime(_ moment: MonotonicTime, _ now: MonotonicTime) -> UnixTime {
        store.clock.unix.advanced(byMilliseconds: now.milliseconds(until: moment))
    }

    /// - Parameters:
    ///   - trust: How long a missing worker could trust its cache.
    ///   - unlistedEnd: When that has ended.
    private func finish(_ fleet: FleetReading, _ trust: UInt64, _ unlistedEnd: MonotonicTime) {
        let upkeep = MembershipUpkeep(store)
        upkeep.attend(to: fleet.membership.suspects, fleet)
        if unlistedEnd <= store.clock.monotonic {
            upkeep.handOver(fleet, trustMilliseconds: trust)
        } else {
            upkeep.noteWait(fleet, trustMilliseconds: trust)
        }
        guard !isInterrupted, couldBeAcknowledged else { return }
        upkeep.move(
            fleet.membership.members.filter { !hasAcknowledged($0) && !isForeign($0) }
        )
    }
}

// MARK: - One round

extension Barrier {
    /// Waits for acknowledgements, and sends the signal first if necessary; or only waits.
    private mutating func round(until end: MonotonicTime, awaited count: Int) {
        let now = store.clock.monotonic
        let end = min(end, now.advanced(byMilliseconds: Self.roundMilliseconds))
        guard count > 0, isSignalAllowed else { return store.clock.sleep(until: end) }
        do throws(StoreConnection.Fault) {
            try listen(for: count, milliseconds: max(1, now.milliseconds(until: end)))
            // An error is a reply that comes at once.
            if fault != nil { store.clock.sleep(until: end) }
        } catch {
            fault = AdministrationError(error).message
            isSent = false
            store.at(.record(signal.locator)).reconnect(before: end)
        }
    }

    private mutating func listen(for count: Int, milliseconds: UInt64)
        throws(StoreConnection.Fault)
    {
        let sending = isSent ? [] : signal.transaction
        let collecting = collecting(count, milliseconds) + [signal.popAcknowledgements]
        let channel = store.channel.at(.record(signal.locator))
        let all = try channel.execute(sending + collecting + question)
        answer = all.suffix(question.count)
        let replies = all.dropLast(question.count)
        if case .array = replies.prefix(sending.count).last { couldBeAcknowledged = true }
        let ids = replies.suffix(collecting.count).flatMap(signal.acknowledgements)
        acknowledged.formUnion(ids.map(\.description))
        isSent = !ids.isEmpty
        fault = replies.firstFailure?.message
    }

    /// Waits for each of several acknowledgements within one write: a fleet that is well needs no other.
    private func collecting(_ count: Int, _ milliseconds: UInt64) -> [RedisCommand] {
        let further = UInt64(min(count, Self.awaitedMax) - 1)
        let spare = further * Self.nextMilliseconds
        guard spare < milliseconds else {
            return [signal.awaitAcknowledgement(milliseconds: milliseconds)]
        }
        let next = signal.awaitAcknowledgement(milliseconds: Self.nextMilliseconds)
        return [signal.awaitAcknowledgement(milliseconds: milliseconds - spare)]
            + repeatElement(next, count: Int(further))
    }
}

import Keyring
import RedisClient

/// Waits until no gateway trusts what was before a change: until each worker has confirmed that the
/// news has come to it, or its lease is over.
///
/// The order is all. The workers are read only after the store's reply to the change, so that whoever
/// is not among them begins with what is stored now. The word goes out only after that, so that it
/// comes to each worker behind the news.
struct FleetBarrier {
    /// Longest wait in milliseconds, from the change on.
    static let waitMilliseconds: UInt64 = 30_000

    /// Clocks may run apart by one in a hundred, in either direction: a lease is given two in a
    /// hundred more, and this many milliseconds.
    static let marginMilliseconds: UInt64 = 20

    /// After so long without a confirmation the word goes out again: a worker that has just
    /// connected anew missed the one before. Shorter than any reply may take.
    private static let roundMilliseconds: UInt64 = 100

    private let store: PatientStore
    private let nonce: Barrier.Nonce
    private var workers: [GatewayEntry] = []
    private var silent: SilentWorkers?
    private var readAt: MonotonicTime
    private var confirmed: Set<GatewayEntry.ID> = []
    private var isAnnounced = false
    private var isInterrupted = false
    private var fault: String?

    /// - Parameter store: Whose start is the moment at which the reply to the change had arrived.
    init(_ store: PatientStore, nonce: Barrier.Nonce) {
        self.store = store
        self.nonce = nonce
        readAt = store.start
    }

    /// Returns when no worker trusts what was before.
    mutating func run() throws(ChangeConfirmation.Doubt) -> FleetAnswer {
        let fleet = try readFleet()
        workers = fleet.entries
        readAt = store.clock.monotonic
        waitForAll()
        let answer = answer(unreadable: fleet.unreadable)
        guard answer.isComplete else { throw .gateways(answer) }
        return answer
    }

    private mutating func readFleet() throws(ChangeConfirmation.Doubt) -> Fleet {
        let replies: [RedisReply]
        do throws(StoreConnection.Fault) {
            replies = try store.execute([FleetCommands.read()] + SilentWorkers.read())
        } catch {
            throw .fleetUnknown(AdministrationError(error).message)
        }
        silent = SilentWorkers(replies[1], clock: replies[2])
        do throws(RedisError) {
            return try Fleet(replies[0])
        } catch {
            throw .fleetUnknown(error.message)
        }
    }

    private mutating func waitForAll() {
        while true {
            let now = store.clock.monotonic
            let pending = unconfirmed.filter { now < trustEnd(of: $0) }
            guard !pending.isEmpty, now < store.deadline else { return }
            let ends = pending.map(trustEnd)
            guard store.isWanted(pending: pending, of: workers.count, until: ends.max() ?? now)
            else {
                isInterrupted = true
                return
            }
            round(until: min(ends.min() ?? now, store.deadline))
        }
    }

    private var unconfirmed: [GatewayEntry] { workers.filter { !confirmed.contains($0.id) } }

    /// When a worker cannot trust any more what it had heard before the change.
    ///
    /// It is counted from the reading of its entry, which is hardly later than the reply to the
    /// change. So an entry that is still the same by then is that of a worker which has not been
    /// heard of for as long as it may trust anything, and can be taken out.
    ///
    /// Whose entry was the same before, when somebody else waited in vain, may have ended already.
    private func trustEnd(of worker: GatewayEntry) -> MonotonicTime {
        let trust = worker.trustMilliseconds
        let (span, overflow) = trust.addingReportingOverflow(trust / 50 + Self.marginMilliseconds)
        if silent?.hasEnded(worker, after: overflow ? .max : span) == true { return readAt }
        return overflow ? .never : readAt.advanced(byMilliseconds: span)
    }

    /// What is to be written so that the next one to wait knows of those who stayed silent.
    func note(_ answer: FleetAnswer) -> RedisCommand? {
        silent?.note(answer.doubtful.map(\.entry))
    }

    private func answer(unreadable: [String]) -> FleetAnswer {
        let (now, time) = (store.clock.monotonic, store.clock.unix)
        var answer = FleetAnswer()
        for worker in unconfirmed {
            let end = trustEnd(of: worker)
            if end <= now {
                answer.expired.append(worker)
            } else {
                let until = time.advanced(byMilliseconds: now.milliseconds(until: end))
                answer.doubtful.append(.init(entry: worker, until: until))
            }
        }
        answer.unreadable = unreadable
        answer.isInterrupted = isInterrupted
        answer.fault = fault
        return answer
    }
}

// MARK: - One round

extension FleetBarrier {
    /// Sends the word where it has to go out, and waits for a confirmation.
    private mutating func round(until end: MonotonicTime) {
        let now = store.clock.monotonic
        let end = min(end, now.advanced(byMilliseconds: Self.roundMilliseconds))
        do throws(StoreConnection.Fault) {
            try listen(milliseconds: max(1, now.milliseconds(until: end)))
            // Where the store answers with an error, it does so at once.
            if fault != nil { store.clock.sleep(until: end) }
        } catch {
            fault = AdministrationError(error).message
            isAnnounced = false
            store.reconnect(before: end)
        }
    }

    private mutating func listen(milliseconds: UInt64) throws(StoreConnection.Fault) {
        var commands = isAnnounced ? [] : [Barrier.publish(nonce)]
        commands.append(Barrier.awaitConfirmation(nonce, milliseconds: milliseconds))
        let hasNews = take(try store.channel.execute(commands))
        isAnnounced = hasNews
        // The others' are there by now, or nearly.
        if hasNews, !unconfirmed.isEmpty {
            _ = take(try store.channel.execute([Barrier.takeConfirmations(nonce)]))
        }
    }

    /// Returns whether a confirmation has come.
    private mutating func take(_ replies: [RedisReply]) -> Bool {
        let names = replies.flatMap(Barrier.confirmations)
        confirmed.formUnion(names)
        fault = replies.lazy.compactMap(\.failure).first?.message
        return !names.isEmpty
    }
}

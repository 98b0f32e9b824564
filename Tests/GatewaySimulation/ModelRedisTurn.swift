import TestSupport

/// The turns of the model's event loop.
extension ModelRedis {
    func wake(after span: Nanoseconds = 0) {
        guard span > 0 || !isTurnDue else { return }
        if span == 0 { isTurnDue = true }
        timeline.after(span + timeline.chance.number(1000...50_000)) { [self] in
            if span == 0 { isTurnDue = false }
            if condition == .running, restOfTurn == nil { turn() }
        }
    }

    /// Wakes when the wall clock reaches a moment.
    func wake(at moment: ServerTime) {
        wake(after: .milliseconds(UInt64(max(1, moment - time))))
    }

    private func turn() {
        let order = sessions.shuffled(using: &timeline.chance)
        guard hasThreads, sessions.contains(where: hasWork), timeline.chance.percent(50) else {
            order.forEach(attend)
            return finishTurn()
        }
        // Some replies leave before the other connections are served.
        let count = timeline.chance.number(0...order.count)
        order.prefix(count).forEach(attend)
        sendOutputs()
        let others = Array(order.dropFirst(count))
        restOfTurn = { [unowned self] in
            for session in others where sessions.contains(where: { $0 === session }) {
                attend(session)
            }
            sendOutputs()
            finishTurn()
            if sessions.contains(where: hasWork) { wake() }
        }
        let span = timeline.chance.span(mean: timeline.chance.percent(80) ? 100_000 : 5_000_000)
        timeline.after(span) { [self] in continueTurn() }
    }

    private func continueTurn() {
        guard condition == .running, let rest = restOfTurn else { return }
        restOfTurn = nil
        rest()
    }

    private func hasWork(_ session: Session) -> Bool {
        session.wire.up.hasArrivals || session.blocked.map { $0.until <= time } ?? false
            || session.awaited.map {
                $0.until <= time || copies(of: session.lastWriteOffset) >= $0.count
            }
                ?? false
    }

    private func attend(_ session: Session) {
        endWait(of: session)
        serve(session)
    }

    private func finishTurn() {
        serveWaits()
        sendInvalidations()
        sendOutputs()
        closeEnded()
    }

    private func sendOutputs() {
        for session in sessions where !session.output.isEmpty {
            session.wire.down.send(session.output)
            session.output = []
        }
    }

    func serve(_ session: Session) {
        session.reader.feed(session.wire.up.read())
        while !session.isBlocked, let command = nextCommand(of: session) {
            timeline.log("store \(endpoint): \(session.wire.client): \(command.prefix(4))")
            if !isReplica { data.expire(at: time) }
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
        if noteChanges(by: session.wire.client) { session.lastWriteOffset = offset }
    }

    /// - Returns: Whether there were any.
    @discardableResult
    func noteChanges(by client: Client?) -> Bool {
        let keys = data.drainTouched()
        propagate(keys)
        for key in keys {
            for other in sessions where other.watched.contains(key) { other.isDirty = true }
            if key == Self.membershipKey { noteFormerList() }
            guard key.hasPrefix(Self.recordPrefix) else { continue }
            if !changedKeys.contains(key) { changedKeys.append(key) }
            if let client { onRecord(key, client) } else { onCopy(key) }
        }
        return !keys.isEmpty
    }

    /// One message carries all keys, in any order.
    private func sendInvalidations() {
        defer { changedKeys = [] }
        guard !changedKeys.isEmpty else { return }
        for session in sessions {
            guard let tracking = session.tracking, let target = self.session(tracking.target),
                target.isSubscribed
            else { continue }
            let keys = changedKeys.filter { $0.hasPrefix(tracking.prefix) }
                .shuffled(using: &timeline.chance)
            guard !keys.isEmpty else { continue }
            target.push(Self.invalidations, .array(keys.map { .bulk($0) }))
        }
    }

    /// Hands elements of lists to the clients blocked on them.
    private func serveLists() {
        for session in sessions {
            guard let (key, _) = session.blocked, let element = data.pop(key, 1)?.first
            else { continue }
            session.blocked = nil
            session.answer(.array([.bulk(key), .bulk(element)]))
            // Its next commands are served in the next turn.
            wake()
        }
    }

    private func endWait(of session: Session) {
        guard let (_, until) = session.blocked, until <= time else { return }
        session.blocked = nil
        session.answer(.array(nil))
    }
}

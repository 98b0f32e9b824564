import RedisClient

/// The latest report about a slot: an invalidation of one of its records, or a server's claim to hold it.
struct SlotReport {
    /// The newest map query whose answer may predate the report.
    var staleQuery: UInt64 = 0

    /// When the report arrived; the origin if none has.
    var at = MonotonicTime.origin
}

/// A slot in doubt: a server has reported it, but the map gave it to another one, so its holder is unknown.
struct SlotDoubt {
    /// The server that reported the slot; `nil` if several did, or if the slot had no holder. A majority decides then.
    var reporter: Endpoint?

    /// The holder by the map; `nil` if none. It may be the source of a move, or a former primary.
    let former: Endpoint?

    var lastReport: SlotReport

    /// Whether one of the two servers names the other one. A reporter may not know of a failover or a move yet, so
    /// its answer about a third server does not count.
    func isAgreed(_ server: Endpoint, naming holder: Endpoint) -> Bool {
        if server == reporter { return holder != reporter && holder == former ?? holder }
        return reporter != nil && server == former && holder == reporter
    }

    /// Whether a holder is neither of the two.
    func isThird(_ holder: Endpoint?) -> Bool {
        former != nil && holder != nil && holder != former && holder != reporter
    }
}

/// Slots that were reported by another server than their holder by the map.
///
/// Either server may be a former primary that the others still named a moment ago. `Tests/Model/detour.pml` shows
/// why each rule is needed.
extension Cluster {
    /// A server has reported a slot. If the map gives the slot to another server, its holder is unknown from now on.
    ///
    /// - Parameters:
    ///   - reporter: The server.
    ///   - query: The newest map query whose answer may predate the report.
    /// - Returns: Whether the slot has lost its known holder.
    mutating func slotReported(
        _ slot: Slot,
        by reporter: Endpoint,
        after query: UInt64,
        _ now: MonotonicTime
    ) -> Bool {
        let staleQuery = max(reports[slot.number].staleQuery, query)
        reports[slot.number] = SlotReport(staleQuery: staleQuery, at: now)
        let holder = seats.holder(of: slot)
        guard holder != reporter else { return false }
        if var doubt = doubts[slot] {
            if doubt.reporter != reporter, doubt.former != reporter { doubt.reporter = nil }
            doubt.lastReport = reports[slot.number]
            doubts[slot] = doubt
            reader.requestMap()
        } else {
            doubts[slot] = SlotDoubt(
                reporter: holder.map { _ in reporter },
                former: holder,
                lastReport: reports[slot.number]
            )
            reader.requestMap(from: seats.placeOfTarget(reporter))
        }
        seats.unassign(slot)
        return holder != nil
    }

    /// Adopts a map, except for slots that remain in doubt.
    mutating func adopt(_ answer: Answer, _ now: MonotonicTime) -> Seats.Change {
        let before = seats
        let change = seats.adopt(answer.map)
        for slot in change.moved { doubtMove(of: slot, from: before.holder(of: slot), answer, now) }
        if !doubts.isEmpty { resolveDoubts(by: answer, now) }
        return change
    }

    /// Removes the doubts that an answer resolves. While others remain, the two servers of the most recent one are
    /// queried in turn. If the two servers of a doubt cannot resolve it, the witnesses are probed, too.
    private mutating func resolveDoubts(by answer: Answer, _ now: MonotonicTime) {
        let attestations = attestations
        var latest: SlotDoubt?
        var needsWitnesses = false
        for (slot, doubt) in doubts {
            let holder = seats.holder(of: slot)
            if isResolved(doubt, by: answer, naming: holder, attestations, now) {
                doubts[slot] = nil
                continue
            }
            seats.unassign(slot)
            needsWitnesses =
                needsWitnesses || doubt.isThird(holder) || nextPlace(for: doubt, answer) == nil
            if (latest?.lastReport.at ?? .origin) <= doubt.lastReport.at { latest = doubt }
        }
        guard let latest else { return }
        reader.requestMap(from: nextPlace(for: latest, answer))
        if needsWitnesses { witnesses.heartbeat.renewNow(now) }
    }

    /// The place to ask about a doubt that an answer has not resolved.
    private func nextPlace(for doubt: SlotDoubt, _ answer: Answer) -> Int? {
        let next = doubt.reporter == answer.server ? doubt.former : doubt.reporter
        return next.flatMap(seats.placeOfTarget)
    }

    /// The moment up to which each primary is attested.
    private var attestations: [Endpoint: MonotonicTime] {
        var attestations: [Endpoint: MonotonicTime] = [:]
        for place in seats.places {
            guard let server = seats.server(place)?.address else { continue }
            attestations[server] = witnesses.attestedAt(place, server)
        }
        return attestations
    }

    /// A holder that has reported a slot within the lease loses it only by its own later answer, or by a majority.
    private mutating func doubtMove(
        of slot: Slot,
        from holder: Endpoint?,
        _ answer: Answer,
        _ now: MonotonicTime
    ) {
        var report = reports[slot.number]
        guard let holder, report.at > .origin,
            now < report.at.advanced(byMilliseconds: fenceMilliseconds),
            answer.server != holder || answer.query <= report.staleQuery
        else { return }
        report.staleQuery = max(report.staleQuery, answer.query)
        doubts[slot] = SlotDoubt(reporter: holder, former: nil, lastReport: report)
    }

    /// Whether an answer to a newer query identifies the holder of a slot: the two servers agree, or a majority has
    /// named the holder since the last report. After a lease any such answer does, as a former primary's own lease
    /// has ended.
    private func isResolved(
        _ doubt: SlotDoubt,
        by answer: Answer,
        naming holder: Endpoint?,
        _ attestations: [Endpoint: MonotonicTime],
        _ now: MonotonicTime
    ) -> Bool {
        let report = doubt.lastReport
        guard report.staleQuery < answer.query else { return false }
        guard now < report.at.advanced(byMilliseconds: fenceMilliseconds) else { return true }
        guard let holder else { return false }
        if doubt.isAgreed(answer.server, naming: holder) { return true }
        // A majority attests the holder as a primary, not for this slot: a reporting primary may have taken it by force.
        if holder == doubt.former, let reporter = doubt.reporter,
            seats.placeOfTarget(reporter) != nil
        {
            return false
        }
        return attestations[holder].map { report.at < $0 } ?? false
    }
}

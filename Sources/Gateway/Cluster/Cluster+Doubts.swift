import RedisClient

/// What a server has told of a slot: of one of its records, or that it holds it.
struct SlotNews {
    /// The last question about the map whose answer may not know of that.
    var number: UInt64 = 0

    /// When it was told; the origin if nothing ever was.
    var at = MonotonicTime.origin
}

/// Why nobody is known to hold a slot: a server has told of it, and the map gave it to another one.
struct SlotDoubt {
    /// The server that told; `nil` where several have, or one of a slot that nobody held: a majority decides.
    var teller: Endpoint?

    /// The server that the map gave it to; `nil` if to none. It may be the source of a move, or a former primary.
    let former: Endpoint?

    /// The last that was told.
    var news: SlotNews

    /// Whether one of the two servers names the other one. One that tells may have heard of neither a failover nor a move, so its
    /// word about a third server does not count.
    func isAgreed(_ server: Endpoint, naming holder: Endpoint) -> Bool {
        if server == teller { return holder != teller && holder == former ?? holder }
        return teller != nil && server == former && holder == teller
    }

    /// Whether a server is neither of the two.
    func isOfThird(_ holder: Endpoint?) -> Bool {
        former != nil && holder != nil && holder != former && holder != teller
    }
}

/// Slots of which another server tells than the map names.
///
/// The one that the map names may be a former primary that the others named a moment ago, and so may the one that tells.
/// `Tests/Model/detour.pml` shows what each rule is for.
extension Cluster {
    /// A server has told of a slot. If the map gives it to another one, nobody is known to hold it.
    ///
    /// - Parameters:
    ///   - teller: The server.
    ///   - number: The last question about the map whose answer may not know of that.
    /// - Returns: Whether somebody was known to.
    mutating func told(
        of slot: Slot,
        by teller: Endpoint,
        after number: UInt64,
        _ now: MonotonicTime
    ) -> Bool {
        news[slot.number] = SlotNews(number: max(news[slot.number].number, number), at: now)
        let holder = seats.holder(of: slot)
        guard holder != teller else { return false }
        if var doubt = doubts[slot] {
            if doubt.teller != teller, doubt.former != teller { doubt.teller = nil }
            doubt.news = news[slot.number]
            doubts[slot] = doubt
            reader.want()
        } else {
            let one = holder.map { _ in teller }
            doubts[slot] = SlotDoubt(teller: one, former: holder, news: news[slot.number])
            reader.want(from: seats.placeOfTarget(teller))
        }
        seats.unassign(slot)
        return holder != nil
    }

    /// Adopts a map, but for the slots that remain in doubt.
    mutating func adopt(_ answer: Answer, _ now: MonotonicTime) -> Seats.Change {
        let before = seats
        let change = seats.adopt(answer.map)
        for slot in change.moved { doubtMove(of: slot, from: before.holder(of: slot), answer, now) }
        if !doubts.isEmpty { settleDoubts(by: answer, now) }
        return change
    }

    /// Ends the doubts that an answer decides, and asks on about the others: the two servers of the last one in turn, and the
    /// witnesses where those two cannot decide.
    private mutating func settleDoubts(by answer: Answer, _ now: MonotonicTime) {
        let attestations = attestations
        var last: SlotDoubt?
        var needsWitnesses = false
        for (slot, doubt) in doubts {
            let holder = seats.holder(of: slot)
            if isEnded(doubt, by: answer, naming: holder, attestations, now) {
                doubts[slot] = nil
                continue
            }
            seats.unassign(slot)
            needsWitnesses = needsWitnesses || doubt.isOfThird(holder) || next(doubt, answer) == nil
            if (last?.news.at ?? .origin) <= doubt.news.at { last = doubt }
        }
        guard let last else { return }
        reader.want(from: next(last, answer))
        if needsWitnesses { witnesses.heartbeat.renewNow(now) }
    }

    /// The place to ask about a doubt after an answer.
    private func next(_ doubt: SlotDoubt, _ answer: Answer) -> Int? {
        let next = doubt.teller == answer.server ? doubt.former : doubt.teller
        return next.flatMap(seats.placeOfTarget)
    }

    /// Up to when each primary is known to be one.
    private var attestations: [Endpoint: MonotonicTime] {
        var attestations: [Endpoint: MonotonicTime] = [:]
        for place in seats.places {
            guard let server = seats.server(place)?.address else { continue }
            attestations[server] = witnesses.attestedAt(place, server)
        }
        return attestations
    }

    /// A holder that has told of a slot lately loses it by its own word, given since, or by that of a majority.
    private mutating func doubtMove(
        of slot: Slot,
        from holder: Endpoint?,
        _ answer: Answer,
        _ now: MonotonicTime
    ) {
        var news = news[slot.number]
        guard let holder, news.at > .origin,
            now < news.at.advanced(byMilliseconds: fenceMilliseconds),
            answer.server != holder || answer.number <= news.number
        else { return }
        news.number = max(news.number, answer.number)
        doubts[slot] = SlotDoubt(teller: holder, former: nil, news: news)
    }

    /// Whether a newer answer says who holds a slot: the two servers agree, or a majority has named the holder since. After a
    /// lease anyone does: a former primary has lost its own.
    private func isEnded(
        _ doubt: SlotDoubt,
        by answer: Answer,
        naming holder: Endpoint?,
        _ attestations: [Endpoint: MonotonicTime],
        _ now: MonotonicTime
    ) -> Bool {
        guard doubt.news.number < answer.number else { return false }
        guard now < doubt.news.at.advanced(byMilliseconds: fenceMilliseconds) else { return true }
        guard let holder else { return false }
        if doubt.isAgreed(answer.server, naming: holder) { return true }
        // A majority names the holder as a primary, not for this slot: a primary that told may have taken it by force.
        if holder == doubt.former, let teller = doubt.teller, attestations[teller] != nil {
            return false
        }
        return attestations[holder].map { doubt.news.at < $0 } ?? false
    }
}

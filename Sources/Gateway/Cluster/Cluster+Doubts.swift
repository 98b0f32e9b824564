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
    /// The server that told; `nil` where several have.
    var teller: Endpoint?

    /// The server that the map gave it to; `nil` if to none. It may be the source of a move, or a former primary.
    let former: Endpoint?

    /// The last that was told.
    var news: SlotNews
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
            doubts[slot] = SlotDoubt(teller: teller, former: holder, news: news[slot.number])
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
        for (slot, doubt) in doubts {
            if isEnded(doubt, by: answer, naming: seats.holder(of: slot)) {
                doubts[slot] = nil
            } else {
                seats.unassign(slot)
                askOn(about: doubt, after: answer, now)
            }
        }
        return change
    }

    /// Asks the server that told and the one before in turn, and the witnesses where one of them is gone.
    private mutating func askOn(about doubt: SlotDoubt, after answer: Answer, _ now: MonotonicTime)
    {
        let next = doubt.teller == answer.server ? doubt.former : doubt.teller
        let place = next.flatMap(seats.placeOfTarget)
        reader.want(from: place)
        if place == nil { witnesses.heartbeat.renewNow(now) }
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

    /// Whether a newer answer says who holds a slot: the one server that told of it names another; the one before names the
    /// one that told; or a majority has named the holder since.
    private func isEnded(_ doubt: SlotDoubt, by answer: Answer, naming holder: Endpoint?) -> Bool {
        guard doubt.news.number < answer.number, let holder else { return false }
        if let teller = doubt.teller {
            if answer.server == teller, holder != teller { return true }
            if answer.server == doubt.former, holder == teller { return true }
        }
        guard let place = seats.place(of: holder),
            let attestedAt = witnesses.attestedAt(place, holder)
        else { return false }
        return doubt.news.at < attestedAt
    }
}

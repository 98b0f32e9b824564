import KeyFormat
import Keyring
import RedisClient

/// Which primaries of a cluster the others name, and since when.
///
/// Each is asked for a record in a slot of another one: the refusal names who holds it. Any failover has been voted
/// for by a majority of the primaries, so enough of them know of it. What one says of itself proves nothing.
struct ClusterWitnesses {
    /// Fewer primaries elect nobody.
    static let primariesMin = 3

    /// Those that are asked beyond the needed ones, in a cluster of many.
    private static let spareMax = 2

    /// What is known of one primary.
    private struct Subject {
        var attestation: Attestation<Endpoint>
        var slot: Slot?
        var probe = RedisCommand()
        /// Raised with each primary in this place: answers about the one before do not count.
        var generation: UInt64 = 0
    }

    private var subjects: [Subject] = []

    /// How many others have to name a primary; 0 where there are too few.
    private(set) var needed = 0

    /// The schedule of the questions.
    var heartbeat: Heartbeat

    #if CANARIES
        var oneSuffices = false
        var countsFromArrival = false
    #endif

    init(_ interval: Heartbeat.Interval) {
        heartbeat = Heartbeat(interval)
    }

    private var empty: Attestation<Endpoint> {
        var empty = Attestation<Endpoint>(sentinelCount: Seats.countMax, majority: max(needed, 1))
        #if CANARIES
            empty.oneSuffices = oneSuffices
            empty.countsFromArrival = countsFromArrival
        #endif
        return empty
    }

    /// The cluster has another map.
    mutating func adopt(_ seats: Seats, _ change: Seats.Change) {
        let count = seats.places.count
        let needed = count < Self.primariesMin ? 0 : min(count - 1, count / 2 + 1)
        while subjects.count < Seats.countMax { subjects.append(Subject(attestation: empty)) }
        if needed != self.needed {
            self.needed = needed
            for place in subjects.indices { subjects[place].attestation = empty }
        }
        for place in change.taken.map(\.place) + change.left { forget(place) }
        for place in seats.places { chooseProbe(place, seats) }
    }

    /// Another server takes a place: what was said of the one before, and by it, does not count.
    private mutating func forget(_ place: Int) {
        subjects[place] = Subject(
            attestation: empty,
            generation: subjects[place].generation &+ 1
        )
        for other in subjects.indices { subjects[other].attestation.forget(place) }
    }

    /// A slot is asked for until it belongs to another.
    private mutating func chooseProbe(_ place: Int, _ seats: Seats) {
        if let slot = subjects[place].slot, seats.place(of: slot) == place { return }
        guard let map = seats.map, let server = seats.server(place),
            let index = map.primaries.firstIndex(of: server),
            let slot = map.probe(ofPrimary: index)
        else { return }
        subjects[place].slot = slot
        subjects[place].probe = ClusterProbe.command(slot)
    }
}

// MARK: - Questions and answers

extension ClusterWitnesses {
    /// A question: about the primary in one place, to that in another.
    struct Question {
        let witness: Int
        let command: RedisCommand
        let tag: CommandTag
    }

    /// The questions that are due.
    ///
    /// - Parameter isReady: Whether the primary in a place can be asked.
    mutating func nextQuestions(
        _ places: [Int],
        _ now: MonotonicTime,
        isReady: (Int) -> Bool
    ) -> [Question] {
        guard needed > 0, let round = heartbeat.next(now) else { return [] }
        var questions: [Question] = []
        for (position, place) in places.enumerated() {
            let others = places[(position + 1)...] + places[..<position]
            let number = subjects[place].generation << 8 | UInt64(place)
            let tag = CommandTag(purpose: .probe, number: number, sentAt: now)
            for witness in asked(others.filter(isReady), round) {
                questions.append(
                    Question(witness: witness, command: subjects[place].probe, tag: tag)
                )
            }
        }
        return questions
    }

    /// Those that are asked in a round: in turn, so that a few that never answer do not take the place of others.
    private func asked(_ others: [Int], _ round: UInt64) -> ArraySlice<Int> {
        let start = others.isEmpty ? 0 : Int(round % UInt64(others.count))
        return (others[start...] + others[..<start]).prefix(needed + Self.spareMax)
    }

    /// What an answer says.
    enum Word {
        /// The primary in a place is named.
        case named(Int)
        /// Another server is named: the map is out of date.
        case another
        /// The question is not answered.
        case refused(RedisError)
        /// Nothing.
        case nothing
    }

    /// A primary has answered a question.
    mutating func answered(
        by witness: Int,
        _ reply: RedisReply,
        _ tag: CommandTag,
        from asked: Endpoint,
        about servers: (Int) -> Endpoint?,
        at now: MonotonicTime
    ) -> Word {
        let place = Int(tag.number & 0xFF)
        guard subjects.indices.contains(place), subjects[place].generation == tag.number >> 8
        else { return .nothing }
        let target = named(by: reply, from: asked, place)
        subjects[place].attestation.answered(witness, target, askedAt: tag.sentAt, at: now)
        guard let target else {
            if case .array = reply { return .another }
            guard let error = reply.failure, Redirection(error, from: asked) == nil else {
                return .nothing
            }
            return .refused(error)
        }
        return target == servers(place) ? .named(place) : .another
    }

    /// The server that a refusal names as the holder of the slot that was asked for.
    private func named(by reply: RedisReply, from asked: Endpoint, _ place: Int) -> Endpoint? {
        guard case .moved(let slot, let target)? = Redirection(reply, from: asked),
            slot == subjects[place].slot
        else { return nil }
        return target
    }

    /// Up to when the server in a place is known to be a primary; `nil` if too few others name it.
    func attestedAt(_ place: Int, _ server: Endpoint) -> MonotonicTime? {
        guard needed > 0, subjects.indices.contains(place) else { return nil }
        return subjects[place].attestation.attestedAt(server)
    }
}

/// A read of a record in a given slot.
enum ClusterProbe {
    /// The first number whose digits, as a hash tag, give the slot.
    static func command(_ slot: Slot) -> RedisCommand {
        let tag = (0..<1_000_000).lazy.map { String($0) }.first { Slot(ofTag: $0.utf8) == slot }
        return RedisCommand("HMGET", "\(Keyspace.recordPrefix){\(tag ?? "")}", "state")
    }
}

import RedisClient

/// The value of a field that says since when a machine waits before it hands a term over. The wait may outlast
/// commands: one goes on where another ended.
struct HandoverWait: Equatable, Sendable {
    static let prefix = "begun:"

    /// When the list was read, by the clock of the machine.
    let beganAt: MonotonicTime

    /// ``Membership/excess`` at that moment.
    let excess: Int64
}

extension HandoverWait: CustomStringConvertible {
    /// Parses the value; `nil` if it is not valid.
    init?(_ value: ArraySlice<UInt8>) {
        guard let (nanoseconds, excess) = Membership.numberAndExcess(value) else { return nil }
        self.init(beganAt: MonotonicTime(nanoseconds: nanoseconds), excess: excess)
    }

    var description: String { "\(beganAt.nanoseconds):\(excess)" }
}

extension Membership {
    /// The beginning of the names of a term's waits; the boot ID of the machine follows.
    static func waitPrefix(_ term: Term, _ generation: Generation) -> String {
        "\(HandoverWait.prefix)\(term.name):\(generation):"
    }

    /// When this machine began to wait before it hands the term over; `nil` if it has not, or the list has lost or
    /// gained entries by hand since.
    public func waitBegan(_ term: Term?) -> MonotonicTime? {
        guard let term, let generation,
            let wait = waits[Self.waitPrefix(term, generation) + bootID], wait.excess == excess
        else { return nil }
        return wait.beganAt
    }

    /// Notes that a wait began when the list was read, for this machine; `nil` if the list had no generation.
    public func noteWait(_ term: Term, from moment: MonotonicTime) -> RedisCommand? {
        guard let generation else { return nil }
        let field = Self.waitPrefix(term, generation) + bootID
        let wait = HandoverWait(beganAt: moment, excess: excess)
        return RedisCommand("HSET", MembershipCommands.key, .text(field), .text("\(wait)"))
    }
}

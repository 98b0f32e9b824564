import RedisClient

/// The time of one server as a primary. A server that starts, or takes over, begins a new one.
///
/// The membership list of a new term may lack members: the server may have lost the last of them, or the
/// whole list. So a term is handed over to the list: somebody waits until no worker that may be
/// missing can trust its cache, and then notes the term in the list.
public struct Term: Hashable, Sendable {
    private static let lengthMax = 64

    /// The replication ID of the server.
    let replicationID: String

    /// The version of the sentinels' configuration that names it; `nil` without sentinels. A server that is
    /// named again keeps its replication ID if it has not followed another one meanwhile.
    let version: SentinelVersion?

    /// The term of the server that holds the list, where that is another one.
    private var home: String?

    /// Reads the current term; ``init(_:_:)`` parses the reply.
    public static var read: RedisCommand { StoreInformation.readReplication }

    /// Parses the reply; `nil` if the server does not report it.
    ///
    /// - Parameter version: The version of the sentinels' configuration that names it; `nil` without sentinels.
    public init?(_ reply: RedisReply, _ version: SentinelVersion? = nil) {
        guard let id = StoreInformation(reply)?["master_replid"], id.utf8.count <= Self.lengthMax,
            id.utf8.allSatisfy(\.isNameCharacter), !id.isEmpty
        else { return nil }
        replicationID = id
        self.version = version
    }

    /// This term, as it counts while the list is at a server in its own term. With another server the list may have
    /// lost members, so that nothing counts there that was handed over before.
    public func besides(listOf list: Term) -> Term {
        guard list != self else { return self }
        var term = self
        term.home = list.name
        return term
    }

    /// How the fields of the list name it.
    var name: String {
        let name = version.map { "\(replicationID).\($0)" } ?? replicationID
        return home.map { "\(name)@\($0)" } ?? name
    }
}

/// The value of a field that says that a term was handed over: what was waited for.
struct Handover: Equatable, Sendable {
    /// How long a missing worker could have trusted its cache at most, in milliseconds.
    let trustMilliseconds: UInt64

    /// ``Membership/excess`` at the beginning of the wait.
    let excess: Int64
}

extension Handover: CustomStringConvertible {
    /// Parses the value; `nil` if it is not valid.
    init?(_ value: ArraySlice<UInt8>) {
        guard let (trust, excess) = Membership.numberAndExcess(value) else { return nil }
        self.init(trustMilliseconds: trust, excess: excess)
    }

    var description: String { "\(trustMilliseconds):\(excess)" }
}

extension Membership {
    /// Parses `number:excess`; `nil` if it is not valid.
    static func numberAndExcess(_ value: ArraySlice<UInt8>) -> (number: UInt64, excess: Int64)? {
        let parts = value.split(separator: UInt8(ascii: ":"), maxSplits: 1)
        guard parts.count == 2, let number = DecimalNumber.value(of: parts[0]),
            let excess = Int64(String(decoding: parts[1], as: UTF8.self))
        else { return nil }
        return (number, excess)
    }
}

// MARK: - For the executable

extension Membership {
    /// The name of the field that says that a term was handed over to a generation.
    fileprivate static func field(_ term: Term, _ generation: Generation) -> String {
        "\(termPrefix)\(term.name):\(generation)"
    }

    /// Whether no worker is missing that may trust its cache for this long.
    public func isWhole(in term: Term?, forMilliseconds trust: UInt64) -> Bool {
        guard hasChecksum, let term, let generation,
            let handover = handovers[Self.field(term, generation)]
        else {
            return false
        }
        return handover.trustMilliseconds >= trust && handover.excess == excess
    }

    /// Gives the list a generation if it has none. A hand-over begins with the list that is read after that.
    public static func begin(as id: SignalID) -> RedisCommand {
        MembershipCommands.begin(Generation(String(decoding: id.digits, as: UTF8.self)))
    }

    /// Gives the list a new generation: what was handed over to it no longer counts, whenever it is written.
    public static func renew(as id: SignalID) -> RedisCommand {
        RedisCommand(
            "HSET",
            MembershipCommands.key,
            .text(generationField),
            .bytes(id.digits)
        )
    }

    /// A write that changes nothing: Redis' WAIT after it speaks of all that was written before.
    public static var touch: RedisCommand { MembershipCommands.add(0) }

    /// Whether a hand-over can begin.
    public var hasGeneration: Bool { generation != nil }

    /// Hands terms over to the list as it was read, after the wait, and removes what is of other terms. `nil` if
    /// the list had no generation.
    ///
    /// - Parameter others: The other terms that go on: those of the other primaries in a cluster. `nil` if they
    ///   are not known; then only what is of other generations is removed.
    public func handOver(
        _ terms: [Term],
        besides others: Set<Term>? = [],
        trustMilliseconds trust: UInt64
    ) -> [RedisCommand]? {
        guard let generation, !terms.isEmpty else { return nil }
        let value = Handover(trustMilliseconds: trust, excess: excess)
        let pairs = terms.flatMap { term -> [RedisCommand.Argument] in
            [.text(Self.field(term, generation)), .text("\(value)")]
        }
        let set = RedisCommand(["HSET", MembershipCommands.key] + pairs)
        let sum = RedisCommand("HSETNX", MembershipCommands.key, .text(Self.checksumField), "0")
        let ended = ended(besides: others.map { $0.union(terms) }, generation)
        guard !ended.isEmpty else { return [set, sum] }
        let names = ended.sorted().map { RedisCommand.Argument.text($0) }
        return [set, sum, RedisCommand(["HDEL", MembershipCommands.key] + names)]
    }

    /// The names of the fields that are of none of these terms; if they are not known, of no such generation.
    private func ended(besides terms: Set<Term>?, _ generation: Generation) -> [String] {
        guard let terms else {
            return handovers.keys.filter { !$0.hasSuffix(":\(generation)") }
                + waits.keys.filter { !$0.contains(":\(generation):") }
        }
        let fields = Set(terms.map { Self.field($0, generation) })
        let prefixes = terms.map { Self.waitPrefix($0, generation) }
        return handovers.keys.filter { !fields.contains($0) }
            + waits.keys.filter { name in !prefixes.contains { name.hasPrefix($0) } }
    }
}

// MARK: - For a worker

/// A term that a worker hands over: it has been a member for as long as any worker may trust its cache.
public struct TermHandover: Sendable {
    private let field: String
    private let value: Handover

    /// Reads the generation of the list and the term; ``init(_:_:_:trustMilliseconds:)`` parses the
    /// replies.
    public static var read: [RedisCommand] {
        [
            RedisCommand("HGET", MembershipCommands.key, .text(Membership.generationField)),
            Term.read,
        ]
    }

    /// Parses the replies; `nil` if the store does not report them.
    ///
    /// - Parameter version: As for a ``Term``.
    public init?(
        _ generation: RedisReply,
        _ term: RedisReply,
        _ version: SentinelVersion? = nil,
        trustMilliseconds trust: UInt64
    ) {
        guard case .bulk(let generation) = generation,
            let term = Term(term, version)
        else { return nil }
        let name = Membership.Generation(String(decoding: generation, as: UTF8.self))
        field = Membership.field(term, name)
        value = Handover(trustMilliseconds: trust, excess: 0)
    }

    /// Hands the term over, unless it has been.
    public var command: RedisCommand {
        RedisCommand("HSETNX", MembershipCommands.key, .text(field), .text("\(value)"))
    }
}

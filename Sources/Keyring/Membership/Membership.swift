import RedisClient

/// The membership list: the hash `latchkey:{gateways}`.
///
/// Besides the members it holds what shows that none is missing: a generation, which is new where the
/// list was removed; a checksum of all registrations; and the terms that were handed over to it.
public struct Membership: Sendable {
    /// Distinguishes a list from one that was removed and begun again.
    struct Generation: Hashable, Sendable, CustomStringConvertible {
        let description: String

        init(_ text: String) { description = text }

        /// The generation that a registration begins: no other has its name.
        init(_ member: Member) { description = "\(member.id)\(member.token)" }
    }

    static let generationField = "generation"
    static let checksumField = "checksum"
    static let termPrefix = "term:"

    /// The readable members, by host and process ID.
    public let members: [Member]

    /// Members that were silent, and were moved.
    public let suspects: [Suspect]

    /// The names of unreadable fields. How long their workers trust their caches is unknown.
    public let unreadable: [String]

    let generation: Generation?

    /// Whether the list has a checksum: every registration and every hand-over leaves one.
    let hasChecksum: Bool

    /// By how much the tokens of all registrations exceed the checksum: not 0 where an entry was added or
    /// removed by hand.
    let excess: Int64

    /// The terms that were handed over, by the names of their fields.
    let handovers: [String: Handover]

    /// The waits before a hand-over that machines have begun, by the names of their fields.
    let waits: [String: HandoverWait]

    /// Distinguishes the monotonic clock of this machine from others.
    let bootID: String

    /// Reads the whole list atomically; ``init(_:bootID:)`` parses the reply.
    public static var read: RedisCommand { RedisCommand("HGETALL", MembershipCommands.key) }

    /// Asks for nothing but whether a server of a cluster has the list: any other one says who has.
    public static var probe: RedisCommand {
        RedisCommand("HMGET", MembershipCommands.key, .text(generationField))
    }

    /// Parses the reply to ``read``.
    ///
    /// - Parameter bootID: Distinguishes the monotonic clock of this machine from others.
    /// - Throws: The error, if Redis did not send the list.
    public init(_ reply: RedisReply, bootID: String = "") throws(RedisError) {
        if let failure = reply.failure { throw failure }
        guard let pairs = reply.pairs else {
            throw RedisError("ERR unexpected reply to the membership list")
        }
        var fields = Fields()
        for (field, value) in pairs { fields.add(field, value) }
        members = fields.members.sorted {
            ($0.host, $0.processID, $0.id.description) < ($1.host, $1.processID, $1.id.description)
        }
        suspects = Suspect.suspects(fields.notes, bootID: bootID)
        unreadable = fields.unreadable.sorted()
        generation = fields.generation
        hasChecksum = fields.checksum != nil
        handovers = fields.handovers
        waits = fields.waits
        self.bootID = bootID
        let checksum = fields.checksum ?? 0
        excess = (members + suspects.map(\.member)).reduce(0 &- checksum) { sum, member in
            sum &+ member.token.number
        }
    }

    /// The longest that a registration allows its worker to trust its cache, in milliseconds.
    public var trustMilliseconds: UInt64 {
        (members + suspects.map(\.member)).lazy.map(\.trustMilliseconds).max() ?? 0
    }
}

extension Membership {
    /// The fields of the hash, by what they hold.
    private struct Fields {
        var members: [Member] = []
        var notes: [(field: String, note: Suspect.Note)] = []
        var unreadable: [String] = []
        var generation: Generation?
        var checksum: Int64?
        var handovers: [String: Handover] = [:]
        var waits: [String: HandoverWait] = [:]

        mutating func add(_ field: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>) {
            let name = String(decoding: field, as: UTF8.self)
            if name == generationField {
                generation = Generation(String(decoding: value, as: UTF8.self))
            } else if name == checksumField {
                checksum = Int64(String(decoding: value, as: UTF8.self)) ?? 0
            } else if name.hasPrefix(termPrefix) {
                handovers[name] = Handover(value)
            } else if name.hasPrefix(HandoverWait.prefix) {
                waits[name] = HandoverWait(value)
            } else if let note = Suspect.Note(field: field, value: value) {
                notes.append((name, note))
            } else if let member = Member(field: field, value: value) {
                members.append(member)
            } else {
                unreadable.append(RedisError.printable(field))
            }
        }
    }
}

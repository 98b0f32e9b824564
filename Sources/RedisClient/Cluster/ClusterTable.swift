/// All servers of a cluster, as one of them knows them: the reply to `CLUSTER NODES`.
///
/// It tells more than a ``SlotMap``: the replicas that failed, the slots that are being moved from or to the server
/// that was asked, and the epoch of each primary's slots.
public struct ClusterTable: Equatable, Sendable {
    /// More servers than a cluster can have.
    private static let serversMax = 1000

    /// Why a reply is no table.
    public enum Fault: Error, Equatable, Sendable {
        case refused(RedisError)
        case malformed
    }

    /// The servers that have an IP address, in the order of the reply.
    public let servers: [ClusterServer]

    /// Index of each slot's primary in ``servers``; negative where nobody holds it.
    private var owners = [Int16](repeating: -1, count: Slot.count)

    /// Parses the reply to ``ClusterCommands/nodes``.
    ///
    /// - Parameter asked: The server that was asked, whose address stands for an omitted one.
    public init(_ reply: RedisReply, from asked: Endpoint) throws(Fault) {
        if let error = reply.failure { throw .refused(error) }
        guard case .bulk(let text) = reply else { throw .malformed }
        var servers: [ClusterServer] = []
        for line in text.split(separator: UInt8(ascii: "\n")) {
            guard servers.count < Self.serversMax else { throw .malformed }
            if let server = try ClusterServer(line, from: asked) { servers.append(server) }
        }
        guard !servers.isEmpty else { throw .malformed }
        self.servers = servers
        for (index, server) in servers.enumerated() where server.isPrimary {
            for slot in server.slots { owners[slot.number] = Int16(truncatingIfNeeded: index) }
        }
    }

    /// The primaries that hold slots.
    public var primaries: [ClusterServer] {
        servers.filter { $0.isPrimary && !$0.slots.isEmpty }
    }

    /// The primary that holds a slot; `nil` if nobody does.
    public func primary(of slot: Slot) -> ClusterServer? {
        let owner = Int(owners[slot.number])
        return servers.indices.contains(owner) ? servers[owner] : nil
    }

    /// The server at an address; `nil` if there is none.
    public func server(at address: Endpoint) -> ClusterServer? {
        servers.first { $0.node.address == address }
    }

    /// The replicas of a primary, reachable or not.
    public func replicas(of primary: ClusterServer) -> [ClusterServer] {
        servers.filter { $0.primaryID == primary.node.id }
    }

    /// Whether every slot is held.
    public var isComplete: Bool { !owners.contains(-1) }

    /// The highest epoch of a primary's slots: of two tables the one with the higher epoch is newer.
    public var epoch: UInt64 { primaries.map(\.configEpoch).max() ?? 0 }
}

/// A server of a cluster, as another one knows it.
public struct ClusterServer: Equatable, Sendable {
    /// Its name and address.
    public let node: ClusterNode

    /// Whether it is a primary, with slots or without.
    public let isPrimary: Bool

    /// The name of the primary that it follows; `nil` for a primary.
    public let primaryID: String?

    /// Whether the server that was asked cannot reach it.
    public let isDown: Bool

    /// Whether it is the server that was asked.
    public let isMyself: Bool

    /// The version of what it holds: each failover and each moved slot has a higher one.
    public let configEpoch: UInt64

    /// The slots that it holds.
    public let slots: SlotSet

    /// The slots that are being moved to it or away from it; only the server that was asked reports its own.
    public let openSlots: SlotSet

    /// Parses a line; `nil` if the server has no IP address, or does not belong to the cluster yet.
    init?(_ line: ArraySlice<UInt8>, from asked: Endpoint) throws(ClusterTable.Fault) {
        let words = line.split(separator: UInt8(ascii: " "))
        guard words.count >= 8 else { throw .malformed }
        let flags = Set(words[2].split(separator: UInt8(ascii: ",")).map(RedisError.printable))
        guard flags.isDisjoint(with: ["noaddr", "handshake"]),
            // `host:port@port,…`
            let address = asked.announced(
                words[1].prefix { $0 != UInt8(ascii: "@") && $0 != UInt8(ascii: ",") }
            )
        else { return nil }
        guard let epoch = StoreInformation.number(RedisError.printable(words[6])) else {
            throw .malformed
        }
        node = ClusterNode(address: address, id: RedisError.printable(words[0]))
        isPrimary = flags.contains("master")
        primaryID = words[3].elementsEqual("-".utf8) ? nil : RedisError.printable(words[3])
        isMyself = flags.contains("myself")
        isDown =
            !flags.isDisjoint(with: ["fail", "fail?"])
            || !isMyself && !words[7].elementsEqual("connected".utf8)
        configEpoch = epoch
        (slots, openSlots) = try Self.slots(words[8...])
    }

    /// `5`, `0-5460`, or `[93->-name]` for a slot that is being moved.
    private static func slots(_ words: ArraySlice<ArraySlice<UInt8>>) throws(ClusterTable.Fault)
        -> (held: SlotSet, open: SlotSet)
    {
        guard words.count <= Slot.count else { throw .malformed }
        var held = SlotSet()
        var open = SlotSet()
        for word in words {
            if word.first == UInt8(ascii: "[") {
                let digits = word.dropFirst().prefix { $0 != UInt8(ascii: "-") }
                guard let slot = digits.smallNumber.flatMap({ Slot($0) }) else { throw .malformed }
                open.insert(slot)
                continue
            }
            let ends = word.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
            let numbers = ends.compactMap { $0.smallNumber.flatMap { Slot($0) } }
            guard numbers.count == ends.count, numbers.count <= 2, let first = numbers.first,
                let last = numbers.last, first <= last
            else { throw .malformed }
            held.insert(first...last)
        }
        return (held, open)
    }
}

extension ClusterTable.Fault: CustomStringConvertible {
    /// What is wrong, as the predicate of a sentence whose subject is the server.
    public var description: String {
        switch self {
        case .refused(let error): "refused: \(error.message)"
        case .malformed: "sent an invalid reply to CLUSTER NODES"
        }
    }
}

/// Which primary of a cluster holds which slots, as one of its servers says.
public struct SlotMap: Equatable, Sendable {
    /// The most primaries that a cluster may have.
    public static let primariesMax = 52

    /// The longest reply that lists every slot on its own, in bytes. Connections on which the map is asked for
    /// have to accept it.
    public static let replyLengthMax = 8 << 20

    /// Why a reply is no map.
    public enum Fault: Error, Equatable, Sendable {
        case refused(RedisError)
        case malformed
        /// Two primaries hold the same slot.
        case ambiguous
        /// A server is announced without an IP address.
        case hostName
        case tooManyPrimaries
    }

    /// Neighbouring slots of one primary.
    public struct Part: Equatable, Sendable {
        /// The slots.
        public let slots: ClosedRange<Slot>
        /// Index of their primary.
        public let primary: Int
    }

    /// The primaries that hold slots, ordered by their lowest one.
    public private(set) var primaries: [ClusterNode] = []

    /// All slots that are held, in order. Neighbouring parts may have the same primary.
    public private(set) var parts: [Part] = []

    /// The replicas that the asked server can reach, of each primary.
    private var replicas: [[ClusterNode]] = []

    /// Index of each slot's primary, or ``nobody``.
    private var owners = [UInt8](repeating: nobody, count: Slot.count)
    private static let nobody = UInt8.max

    /// Parses the reply to ``ClusterCommands/slots``.
    ///
    /// - Parameter asked: The server that was asked, whose address stands for an omitted one.
    public init(_ reply: RedisReply, from asked: Endpoint) throws(Fault) {
        if let error = reply.failure { throw .refused(error) }
        guard case .array(let elements) = reply, elements.count <= Slot.count
        else { throw .malformed }
        var ranges: [SlotRange] = []
        ranges.reserveCapacity(elements.count)
        for element in elements { ranges.append(try SlotRange(element, from: asked)) }
        ranges.sort { $0.slots.lowerBound < $1.slots.lowerBound }
        for range in ranges { try add(range) }
    }

    private mutating func add(_ range: SlotRange) throws(Fault) {
        if let last = parts.last, range.slots.lowerBound <= last.slots.upperBound {
            throw .ambiguous
        }
        let primary = try index(of: range.primary)
        for number in range.slots.lowerBound.number...range.slots.upperBound.number {
            owners[number] = UInt8(truncatingIfNeeded: primary)
        }
        for replica in range.replicas
        where replicas[primary].count < SlotRange.replicasMax
            && !replicas[primary].contains(replica)
        {
            replicas[primary].append(replica)
        }
        parts.append(Part(slots: range.slots, primary: primary))
    }

    private mutating func index(of primary: ClusterNode) throws(Fault) -> Int {
        if let index = primaries.firstIndex(of: primary) { return index }
        guard primaries.count < Self.primariesMax else { throw .tooManyPrimaries }
        primaries.append(primary)
        replicas.append([])
        return primaries.count - 1
    }
}

extension SlotMap {
    /// Index of the primary that holds a slot; `nil` if nobody does.
    public func index(of slot: Slot) -> Int? {
        let owner = owners[slot.number]
        return owner == Self.nobody ? nil : Int(owner)
    }

    /// The primary that holds a slot; `nil` if nobody does.
    public func primary(of slot: Slot) -> ClusterNode? { index(of: slot).map { primaries[$0] } }

    /// Number of slots that nobody holds.
    public var unheldCount: Int { Slot.count - parts.reduce(0) { $0 + $1.count } }

    /// The lowest slot that nobody holds; `nil` if all are held.
    public var firstUnheld: Slot? { owners.firstIndex(of: Self.nobody).flatMap { Slot($0) } }

    /// Index of the primary at an address; `nil` if none there holds slots.
    public func index(of address: Endpoint) -> Int? {
        primaries.firstIndex { $0.address == address }
    }

    /// The replicas of a primary that the asked server can reach.
    public func replicas(ofPrimary index: Int) -> [ClusterNode] {
        replicas.indices.contains(index) ? replicas[index] : []
    }

    /// The slots of a primary.
    public func slots(ofPrimary index: Int) -> SlotSet {
        var slots = SlotSet()
        for part in parts where part.primary == index { slots.insert(part.slots) }
        return slots
    }

    /// A slot in the middle of the longest part of a primary: one that will be moved late, because moves begin
    /// with the lowest. `nil` for an index that is out of range.
    public func probe(ofPrimary index: Int) -> Slot? {
        let parts = parts.filter { $0.primary == index }
        guard let longest = parts.max(by: { $0.count < $1.count }) else { return nil }
        return Slot(longest.slots.lowerBound.number + longest.count / 2)
    }
}

extension SlotMap.Part {
    /// Number of slots.
    public var count: Int { slots.upperBound.number - slots.lowerBound.number + 1 }
}

extension SlotSet {
    /// Adds neighbouring slots.
    public mutating func insert(_ slots: ClosedRange<Slot>) {
        for number in slots.lowerBound.number...slots.upperBound.number {
            if let slot = Slot(number) { insert(slot) }
        }
    }
}

extension SlotMap.Fault: CustomStringConvertible {
    /// What is wrong, as the predicate of a sentence whose subject is the server.
    public var description: String {
        switch self {
        case .refused(let error): "refused: \(error.message)"
        case .malformed: "sent an invalid reply to CLUSTER SLOTS"
        case .ambiguous: "says that two servers hold the same slot"
        case .hostName:
            "announces a server without an IP address: set cluster-preferred-endpoint-type ip there"
        case .tooManyPrimaries: "names more than \(SlotMap.primariesMax) primaries"
        }
    }
}

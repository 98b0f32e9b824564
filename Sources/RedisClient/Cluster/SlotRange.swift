/// An element of the reply to `CLUSTER SLOTS`: neighbouring slots with their servers.
struct SlotRange {
    /// More replicas of one primary are not kept.
    static let replicasMax = 64

    let slots: ClosedRange<Slot>
    let primary: ClusterNode
    let replicas: [ClusterNode]

    init(_ reply: RedisReply, from asked: Endpoint) throws(SlotMap.Fault) {
        guard case .array(let elements) = reply, elements.count >= 3,
            let first = Self.slot(elements[0]), let last = Self.slot(elements[1]), first <= last
        else { throw .malformed }
        slots = first...last
        primary = try ClusterNode(elements[2], from: asked)
        var replicas: [ClusterNode] = []
        for element in elements.dropFirst(3).prefix(Self.replicasMax) {
            replicas.append(try ClusterNode(element, from: asked))
        }
        self.replicas = replicas
    }

    private static func slot(_ reply: RedisReply) -> Slot? {
        guard case .integer(let number) = reply else { return nil }
        return Int(exactly: number).flatMap { Slot($0) }
    }
}

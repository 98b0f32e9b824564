/// The store's primaries, by place: one, or as many as a cluster has had at a time.
///
/// Nodes cannot be copied, so that no array holds them.
struct StoreNodes: ~Copyable {
    private let nodes: UnsafeMutablePointer<StoreNode>
    private let countMax: Int

    /// How many places there are, occupied or not.
    private(set) var count = 0

    init(countMax: Int) {
        self.countMax = countMax
        nodes = .allocate(capacity: countMax)
    }

    deinit {
        nodes.deinitialize(count: count)
        nodes.deallocate()
    }

    /// Adds a place; nothing where there are too many.
    mutating func add(_ node: consuming StoreNode) {
        guard count < countMax else { return }
        nodes.advanced(by: count).initialize(to: node)
        count += 1
    }

    /// The node in one of the places.
    subscript(place: Int) -> StoreNode {
        @inline(__always) _read {
            assert(place < count)
            yield nodes[place]
        }
        @inline(__always) nonmutating _modify {
            assert(place < count)
            yield &nodes[place]
        }
    }
}

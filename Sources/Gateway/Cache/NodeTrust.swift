import RedisClient

/// Until when the records of each store node decide: what its ``NodeLease`` says, where a check of a cached record
/// finds it with one load.
struct NodeTrust: ~Copyable {
    private let trusted: UnsafeMutablePointer<MonotonicTime>
    private let usable: UnsafeMutablePointer<MonotonicTime>

    init(nodeCount: UInt8) {
        trusted = .allocate(capacity: Int(nodeCount))
        trusted.initialize(repeating: .origin, count: Int(nodeCount))
        usable = .allocate(capacity: Int(nodeCount))
        usable.initialize(repeating: .origin, count: Int(nodeCount))
    }

    deinit {
        trusted.deallocate()
        usable.deallocate()
    }

    func set(_ node: UInt8, _ lease: NodeLease) {
        trusted[Int(node)] = lease.trustedUntil
        usable[Int(node)] = lease.usableUntil
    }

    @inline(__always)
    func trustedUntil(_ node: UInt8) -> MonotonicTime { trusted[Int(node)] }

    func usableUntil(_ node: UInt8) -> MonotonicTime { usable[Int(node)] }
}

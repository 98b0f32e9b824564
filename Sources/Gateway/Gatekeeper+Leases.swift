import Keyring
import RedisClient

/// The leases of the store's primaries, which rest on each of them and on the membership.
extension Gatekeeper {
    /// The places of the primaries that records are read from.
    var places: [Int] { cluster.isUsed ? cluster.seats.places : [0] }

    /// Whether commands may be sent to any primary.
    var isAnyReady: Bool {
        for place in 0..<nodes.count where nodes[place].data.isReady { return true }
        return false
    }

    /// The earliest moment among the leases of all primaries; the clock's origin where none is known.
    func earliest(_ moment: (NodeLease) -> MonotonicTime) -> MonotonicTime {
        guard cluster.isUsed else { return moment(nodes[0].lease) }
        guard !cluster.seats.places.isEmpty else { return .origin }
        return cluster.seats.places.reduce(.never) { min($0, moment(nodes[$1].lease)) }
    }

    /// The state of tracking that this worker's entry in the membership list has to show.
    var trackingOfList: TrackingState {
        guard cluster.isUsed else { return nodes[0].lease.tracking }
        let list = cluster.listPlace.map { nodes[$0].lease }
        return TrackingState(
            isTracking: list?.isTracking ?? false,
            hasLostTracking: list?.hasLostTracking ?? false,
            usableUntil: (0..<nodes.count).reduce(.origin) { max($0, nodes[$1].lease.usableUntil) }
        )
    }

    /// Recomputes the lease of a node, after a change of the node or of the membership.
    func renewLease(_ place: Int) {
        #if CANARIES
            if !obligations.keeps(.trustsOnlyAsMember) { return renew(place, .never) }
        #endif
        renew(place, registeredAt)
    }

    /// The same for all nodes.
    func renewLeases() {
        for place in 0..<nodes.count { renewLease(place) }
    }

    /// When this worker was last known to be a member that changes wait for. In a cluster, the list's node proves
    /// that only while it is attested as a primary.
    private var registeredAt: MonotonicTime? {
        guard cluster.isUsed else { return membership.registeredAt }
        guard let list = cluster.listPlace, let moment = membership.registeredAt,
            let attestedAt = nodes[list].lease.attestedAt
        else { return nil }
        return min(moment, attestedAt)
    }

    private func renew(_ place: Int, _ registeredAt: MonotonicTime?) {
        if cluster.isUsed { forgetFormer(place, registeredAt) }
        nodes[place].lease.renew(registeredAt: registeredAt, keepsUsable: cluster.isUsed)
        cache.setTrust(of: nodes[place].numbers, nodes[place].lease)
        #if CANARIES
            if !obligations.keeps(.leaseOfItsPrimary),
                let longest = places.max(by: {
                    nodes[$0].lease.trustedUntil < nodes[$1].lease.trustedUntil
                })
            {
                for other in places {
                    cache.setTrust(of: nodes[other].numbers, nodes[longest].lease)
                }
            }
        #endif
    }

    /// Invalidates the records of the previous primary once those of the new one can decide.
    private func forgetFormer(_ place: Int, _ registeredAt: MonotonicTime?) {
        guard nodes[place].lease.holdsFormer, nodes[place].lease.isReady(registeredAt: registeredAt)
        else { return }
        for number in nodes[place].numbers { cache.invalidateAll(of: number) }
        nodes[place].lease.forgotFormer()
    }
}

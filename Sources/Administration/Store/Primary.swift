import RedisClient

/// A server in the time for which the sentinels, or the other primaries of a cluster, name it as the primary.
struct Primary: Hashable, Sendable {
    /// Where it listens.
    let address: Endpoint

    /// The version of the sentinels' configuration; `nil` in a cluster. If they name another server meanwhile, and
    /// then this one again, it is a later one.
    let configEpoch: UInt64?
}

/// The primary, as a majority of the witnesses names it without dispute.
struct NamedPrimary: Equatable, Sendable {
    let primary: Primary

    /// Number of replicas that the witnesses know, reachable or not: the largest that one of them reports.
    let replicaCount: Int

    /// Where those of them listen that one of the majority lists.
    var replicas: Set<Endpoint> = []
}

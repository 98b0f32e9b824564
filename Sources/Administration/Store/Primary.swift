import Keyring
import RedisClient

/// A server in the time for which the sentinels, or the other primaries of a cluster, name it as the primary.
struct Primary: Hashable, Sendable {
    /// Where it listens.
    let address: Endpoint

    /// The version of the sentinels' configuration; `nil` in a cluster. If they name another server meanwhile, and
    /// then this one again, it is a later one.
    let version: SentinelVersion?
}

/// The primary, as a majority of the witnesses names it without dispute.
struct NamedPrimary: Equatable, Sendable {
    let primary: Primary

    /// Number of replicas that the witnesses know, reachable or not: the largest that one of them reports.
    let replicaCount: Int

    /// Where those of them listen that one of the majority lists.
    var replicas: Set<Endpoint> = []

    /// Number of former primaries of a cluster that may become replicas of this one, if it has taken over from one.
    var formerCount = 0

    /// The same with the former primaries among the replicas, unless the server says that it has been a primary since its
    /// start.
    ///
    /// - Parameter information: The reply to `INFO replication`.
    func counting(_ information: StoreInformation?) -> NamedPrimary {
        let former = information?["master_replid2"]
        guard former?.allSatisfy({ $0 == "0" }) != true else { return self }
        return NamedPrimary(
            primary: primary,
            replicaCount: replicaCount + formerCount,
            replicas: replicas
        )
    }
}

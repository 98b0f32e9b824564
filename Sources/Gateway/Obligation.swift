/// What a worker owes, so that what it knows can be trusted while it hears from the store.
///
/// Each is kept in one place of the code, which asks ``Obligations/keeps(_:)``. A build for tests can
/// leave one out, to see that the simulation finds what then goes wrong; in any other build the
/// question is always answered with yes, and costs nothing.
enum Obligation: CaseIterable {
    /// What is known counts only under the lease: news may be on their way.
    case lease
    /// A reply that an invalidation has overtaken is used, and never kept.
    case racingReplyIsNotCached
    /// The lease counts from when the heartbeat was sent: its answer may have been late.
    case leaseCountsFromSending
    /// An answer renews the lease by the heartbeat that it answers, not by the newest.
    case heartbeatIsMatched
    /// News, answers and barriers are taken in the order in which they came.
    case streamInOrder
    /// A new connection for news begins with nothing known: news were lost in between.
    case emptyCacheOnTracking
    /// Nothing is kept before the store has confirmed that it will tell of changes.
    case cachedOnlyWhileTracking
    /// A reply to what was asked before that is not kept either.
    case readAfterTracking
    /// Each decision is made by the clock as it is now.
    case freshClock
    /// A check never joins a read that was sent: its reply may be older than the check.
    case joinsOnlyUnsent
    /// Nothing is trusted before the fleet knows of this worker.
    case trustsOnlyAsMember
    /// What was read before the fleet knew of this worker is forgotten: nobody waits for its
    /// confirmation.
    case emptyCacheOnJoin
    /// A text is recognized only as the key that is active now.
    case recognizesActiveOnly
    /// A record is the one that was proven only while it has its seal.
    case stampIsCompared
    /// A record beyond its lease may let in and refuses nobody: the key may be newer.
    case staleRecordRefusesNobody
    /// Where changes may not be told, the records of open requests are read within each lease.
    case streamsAreWatched
}

/// The obligations that are kept: all of them, outside of tests.
struct Obligations {
    #if CANARIES
        var omitted: Obligation?

        func keeps(_ obligation: Obligation) -> Bool { obligation != omitted }
    #else
        @inline(__always)
        func keeps(_ obligation: Obligation) -> Bool { true }
    #endif
}

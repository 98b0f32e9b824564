/// The rules that make a worker's cached records trustworthy.
///
/// Each obligation is met in one place of the code, which asks ``Obligations/keeps(_:)``. A debug build
/// can leave one out to see that the simulation finds what then goes wrong. In every other build the
/// answer is always yes, and costs nothing.
enum Obligation: CaseIterable {
    /// Cached records decide only under the lease: an invalidation may be on its way.
    case lease
    /// A reply that raced with an invalidation answers its checks and is not cached.
    case racingReplyIsNotCached
    /// The lease counts from the sending of the PING: its answer may be late.
    case leaseCountsFromSending
    /// An answer renews the lease by its own PING, not by the newest.
    case heartbeatIsMatched
    /// Invalidations, answers and barriers are handled in the order in which they arrived.
    case streamInOrder
    /// A new invalidation link starts with an empty cache: invalidations may have been lost.
    case emptyCacheOnTracking
    /// Nothing is cached before Redis has confirmed that it sends invalidations.
    case cachedOnlyWhileTracking
    /// Nor is a reply to a read that was sent before that.
    case readAfterTracking
    /// Each decision reads the clock.
    case freshClock
    /// A check never joins a read in flight: its reply may be older than the check.
    case joinsOnlyUnsent
    /// Cached records decide only while the worker is in the membership list.
    case trustsOnlyAsMember
    /// A worker that joins starts with an empty cache: no administrator waited for it before.
    case emptyCacheOnJoin
    /// Only the active key is recognized by its fingerprint.
    case recognizesActiveOnly
    /// An answer renews the lease only by the question before: a server may answer before it sends the
    /// invalidations of the same turn.
    case leaseByEarlierAnswer
    /// A strict check waits for a question that was asked after it began.
    case asksAfterCheck
    /// The entry in the membership list is compared with what was written: the data may be others.
    case entryIsCompared
    /// A record beyond its lease may admit a key and refuses none: the key may be newer.
    case staleRecordRefusesNobody
    /// While invalidations may be missing, the records of open requests are read within each lease.
    case streamsAreWatched
    /// Nothing decides unless a majority of the sentinels has named the primary lately: another may have been
    /// elected.
    case decidesOnlyAttested
    /// A sentinel's answer counts from when it was asked, because it may be late.
    case attestationCountsFromAsking
    /// A majority of the configured sentinels has to agree: a minority may not know of an election.
    case majorityAttests
    /// A record that was read for a check is used only while the primary is attested, as a cached one is.
    case readsAreFenced
    /// A change of primary does not begin a new grace.
    case graceIsNotRestarted
    /// Versions of records count for the primary that gave them: an unconfirmed change may be lost with it.
    case versionsOfOnePrimary
    /// A term is handed over only so long after this primary was attested: workers may still trust another.
    case handoverAfterAttestation
    /// A record decides under the lease of the primary that gave it, and of no other.
    case leaseOfItsPrimary
    /// Cached records of slots that have moved are invalidated: their former holder may send no invalidations.
    case movedSlotsAreForgotten
    /// A slot that another server than its holder has reported has no known holder: the map may name a former one.
    case reportedSlotsAreDoubted
    /// What the target of a move replies is not cached.
    case askedReplyIsNotCached
    /// A server that says that any record may have changed empties the cache.
    case emptyCacheOnFlush
    /// What a primary of a cluster says of itself attests nothing: it does not know that it was replaced.
    case attestedByOthers
}

/// The obligations that are met: outside of tests, all.
struct Obligations {
    #if CANARIES
        var omitted: Set<Obligation> = []

        func keeps(_ obligation: Obligation) -> Bool { !omitted.contains(obligation) }
    #else
        @inline(__always)
        func keeps(_ obligation: Obligation) -> Bool { true }
    #endif
}

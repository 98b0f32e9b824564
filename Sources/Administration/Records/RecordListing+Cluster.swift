import KeyFormat
import RedisClient

extension RecordListing {
    /// Longest time for which servers are scanned again because something has moved, in milliseconds.
    private static let patienceMilliseconds: UInt64 = 600_000

    /// The same for a server that is lost.
    private static let lossMilliseconds: UInt64 = 30_000

    /// Pause before that.
    private static let pauseMilliseconds: UInt64 = 200

    /// Scans all primaries, and again those to which records may have moved meanwhile, from a server not
    /// yet scanned to one already scanned.
    ///
    /// A slot that is being moved shows in no table how far. A record that was missed because of it is where it belongs by
    /// the next scan; so its two servers are scanned until that finds nothing more.
    func visitServers(
        _ cluster: any ClusteredStore,
        _ seen: inout Set<Locator>,
        _ body: ([Locator], Place) throws(AdministrationError) -> Void
    ) throws(AdministrationError) {
        let start = store.clock.monotonic
        let end = start.advanced(byMilliseconds: Self.patienceMilliseconds)
        let lossEnd = start.advanced(byMilliseconds: Self.lossMilliseconds)
        var before = try survey(cluster, until: lossEnd)
        var rest = before.mayHaveRecords.map(\.node.address)
        var isFirst = true
        while true {
            let count = seen.count
            var loss: AdministrationError?
            for server in rest {
                do throws(AdministrationError) {
                    try visitPages(of: .server(server), &seen, body)
                } catch {
                    if before.isUnused(server) { continue }
                    // Its successor is scanned from the beginning.
                    guard error.kind == .store, store.clock.monotonic < lossEnd else { throw error }
                    loss = error
                }
            }
            let now = try survey(cluster, until: end)
            let changed = now.primaries(changedSince: before)
            let moving = Set(before.movingPrimaries + now.movingPrimaries)
            rest = loss == nil ? changed : now.mayHaveRecords.map(\.node.address)
            if isFirst || seen.count != count {
                rest = Set(rest).union(moving).sorted { $0.description < $1.description }
            }
            isFirst = false
            guard !rest.isEmpty else { return }
            guard store.clock.monotonic < end else {
                throw AdministrationError(
                    .store,
                    "the records cannot be listed while the cluster moves them: try again later"
                )
            }
            before = now
            pause()
        }
    }

    /// The servers, once every slot is held.
    private func survey(_ cluster: any ClusteredStore, until end: MonotonicTime)
        throws(AdministrationError) -> ClusterSurvey
    {
        while true {
            let survey = try translatingStoreFault(try cluster.refresh())
            if survey.table.isComplete { return survey }
            guard store.clock.monotonic < end else {
                throw AdministrationError(
                    .store,
                    "the records cannot be listed: no server of the cluster holds some of the slots"
                )
            }
            pause()
        }
    }

    private func pause() {
        let now = store.clock.monotonic
        store.clock.sleep(until: now.advanced(byMilliseconds: Self.pauseMilliseconds))
    }
}

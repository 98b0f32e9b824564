import RedisClient

/// How the gatekeeper follows the primary that the sentinels name.
extension Gatekeeper {
    /// When the sentinels are to be asked, or their silence is to be reported.
    var sentinelsDue: MonotonicTime {
        min(sentinels.due(isAsking: !isEnding), sentinels.reportDue ?? .never)
    }

    /// Asks the sentinels, if it is time, and reports a primary that they no longer name.
    func tickSentinels(_ now: ClockReading) {
        sentinels.tick(now.monotonic)
        handleSentinelEvents(now)
        if !isEnding { sentinels.ask(now.monotonic) }
        reportSilence(now.monotonic)
    }

    func handleSentinelEvents(_ now: ClockReading) {
        while let event = sentinels.nextEvent(now.monotonic) {
            switch event {
            case .named(let sentinel, let isNew):
                if isNew {
                    log.note(
                        .sentinelReady,
                        now.monotonic,
                        "the sentinel at \(sentinel) names a primary"
                    )
                }
                followPrimary(now)
            case .reported: attestTerm(now.monotonic)
            case .silent(let sentinel, let reason):
                log.note(
                    .sentinelSilent,
                    now.monotonic,
                    "the sentinel at \(sentinel) names no primary: \(reason)"
                )
            }
        }
    }

    /// A sentinel has named a primary. One that died while it named a former primary names it for good.
    private func followPrimary(_ now: ClockReading) {
        let attestation = sentinels.attestation
        if let primary = attestation.primary, primary != nodes[0].endpoint,
            nodes[0].lease.attestedAt ?? .origin <= attestation.attestedAt(primary) ?? .origin
        {
            change(to: primary, now)
        }
        attest()
        reportReturn(now.monotonic)
    }

    private func attest() {
        guard let server = nodes[0].endpoint, let moment = sentinels.attestation.attestedAt(server)
        else { return }
        nodes[0].lease.isAttested(at: moment)
        renewLease(0)
    }

    private func attestTerm(_ now: MonotonicTime) {
        guard let elected = sentinels.termAttestation.primary, elected.address == nodes[0].endpoint,
            let askedAt = sentinels.termAttestation.attestedAt(elected)
        else { return }
        term.attested(sentinels.version(elected), askedAt: askedAt, now)
        sentinels.isTermWanted = term.isUnattested
    }

    /// Follows another primary. Records of the previous one admit keys until their grace ends, and decide nothing else.
    private func change(to primary: Endpoint, _ now: ClockReading) {
        noteChange(to: primary, now.monotonic)
        nodes[0].follow(primary, now.monotonic)
        handleNodeEvents(0, now)
        beginTerm(0, now)
        listLost(now.monotonic)
        sentinels.isTermWanted = false
        renewLease(0)
    }

    /// A server that was a replica meanwhile is a primary again, and is treated as a new one. Its invalidation link
    /// may be older than that.
    func returnToPrimary(_ place: Int, _ now: ClockReading) {
        nodes[place].invalidations.link.abandon(.replaced, now.monotonic)
        handleArrivals(place, now)
        beginTerm(place, now)
        if cluster.listPlace == place { listLost(now.monotonic) }
        sentinels.isTermWanted = false
        renewLeases()
        if sentinels.isUsed { attest() }
    }

    /// Another server is the primary in a place, or the same one anew.
    func beginTerm(_ place: Int, _ now: ClockReading) {
        nodes[place].primaryChanged(now.monotonic)
        forgetVersions(place)
        checks.invalidateAllInFlight()
        membership.renewNow(now.monotonic)
        #if CANARIES
            if !obligations.keeps(.decidesOnlyAttested) {
                nodes[place].lease.isAttested(at: .never)
            }
        #endif
    }

    /// Begins a new count of record versions. Another server may have been the primary meanwhile, and this one may
    /// have lost changes that were not confirmed.
    func forgetVersions(_ place: Int) {
        guard sentinels.isUsed || cluster.isUsed else { return }
        nodes[place].renumber()
        cache.begin(node: nodes[place].number)
        cache.setTrust(of: nodes[place].numbers, nodes[place].lease)
    }

    private func noteChange(to primary: Endpoint, _ now: MonotonicTime) {
        let (count, all) = (sentinels.attestation.count(naming: primary), sentinels.count)
        let former = nodes[0].endpoint.map { ", instead of the store at \($0)" } ?? ""
        if nodes[0].endpoint != nil { metrics.primaryChanges &+= 1 }
        log.note(
            .primaryFollowed,
            now,
            "the store at \(primary) is the primary: \(count) of \(all) sentinels name it\(former)"
        )
    }

    /// Leaves a server that accepts no writes: it has become a replica.
    func leaveReplica(_ place: Int, _ error: RedisError, _ now: MonotonicTime) {
        guard sentinels.isUsed || cluster.isUsed, error.code == "READONLY" else { return }
        nodes[place].abandon(now)
    }
}

// MARK: - Reports

extension Gatekeeper {
    /// Sentinels have this long to name a primary before a worker that starts complains.
    private static let silenceMilliseconds: UInt64 = 1000

    private func reportSilence(_ now: MonotonicTime) {
        guard let due = sentinels.reportDue, due <= now else { return }
        if due == .origin {
            sentinels.reportDue = now.advanced(byMilliseconds: Self.silenceMilliseconds)
        } else if now < nodes[0].lease.fencedUntil {
            sentinels.reportDue = nodes[0].lease.fencedUntil
        } else {
            sentinels.reportDue = nil
            log.note(.primaryUnknown, now, silence)
        }
    }

    private var silence: String {
        let (majority, all) = (sentinels.majority, sentinels.count)
        guard let server = nodes[0].endpoint else {
            return "no primary is known: fewer than \(majority) of \(all) sentinels name one"
        }
        return
            "the store at \(server) decides nothing: fewer than \(majority) of \(all) sentinels have "
            + "named it within the lease"
    }

    private func reportReturn(_ now: MonotonicTime) {
        guard sentinels.reportDue == nil, now < nodes[0].lease.fencedUntil else { return }
        sentinels.reportDue = nodes[0].lease.fencedUntil
        nodes[0].retryNow(now)
        log.note(
            .primaryNamed,
            now,
            "\(sentinels.majority) of \(sentinels.count) sentinels name the store at \(nodes[0].name)"
        )
    }
}

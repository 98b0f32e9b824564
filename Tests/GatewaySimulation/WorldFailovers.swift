/// Worlds in which other servers become the primary.
extension World {
    /// A worker's word about a primary counts a little longer by a slow clock.
    var fenceSpan: Nanoseconds {
        leaseSpan + leaseSpan / 100 + .milliseconds(1)
    }

    func watch(_ deployment: ModelDeployment) {
        judge.changedAt = { [unowned deployment] in deployment.changedAt }
        if scenario.stallPercent == 0, scenario.workerDelayMax <= .microseconds(200) {
            judge.recoverySpan = recoverySpan + trustSpan + 2 * scenario.failoverSpan
        }
        deployment.onNaming = { [unowned self] in noteTrust() }
        deployment.onPromotion = { [unowned self] server in
            let number = deployment.servers.firstIndex { $0 === server } ?? 0
            judge.ledger.primary = number
            judge.counts.promotions += 1
            noteTrust()
            checkConfirmedChanges()
        }
        noteTrust()
    }

    private func noteTrust() {
        guard let deployment else { return }
        for (number, server) in deployment.servers.enumerated() {
            judge.ledger.servers[number].trusted = deployment.trusted(server, for: fenceSpan)
        }
    }

    /// G1: the primary has every change that was confirmed.
    func checkConfirmedChanges() {
        guard deployment != nil || cluster != nil else { return }
        for organization in organizations {
            if let loss = judge.ledger.lostChange(of: organization.name) {
                timeline.fail("G1: a failover undoes a confirmed change: \(loss)")
            }
        }
    }

    func inject(_ fault: Fault, _ deployment: ModelDeployment, _ span: Nanoseconds) {
        switch fault {
        case .failOver:
            guard let kind = timeline.chance.element(of: scenario.failovers) else { return }
            deployment.failOver(kind, for: span)
        case .deafSentinel: timeline.chance.element(of: deployment.sentinels)?.turnDeaf(for: span)
        case .hideSentinel:
            guard let sentinel = timeline.chance.element(of: deployment.sentinels) else { return }
            network.open(
                NetworkRift(
                    until: timeline.now + span,
                    inside: [sentinel.endpoint],
                    isOfListeners: false,
                    number: timeline.chance.next()
                )
            )
        case .stopSentinel:
            guard let sentinel = timeline.chance.element(of: deployment.sentinels) else { return }
            sentinel.pause()
            timeline.after(span) { sentinel.resume() }
        case .lateReplication:
            let replica = timeline.chance.element(of: deployment.servers.filter(\.isReplica))
            replica?.upstream?.hold(until: timeline.now + span)
        case .cutReplication:
            timeline.chance.element(of: deployment.servers.filter(\.isReplica))?.upstream?
                .breakOff()
        case .failOverBehind: failOverBehind(deployment)
        case .cutOff: cutOff(deployment)
        case .hearLate: hearLate(deployment)
        case .hearNews: hearNews(deployment)
        case .loseEntry: loseEntry(deployment)
        case .returnToPrimary: returnToPrimary(deployment)
        default: break
        }
    }
}

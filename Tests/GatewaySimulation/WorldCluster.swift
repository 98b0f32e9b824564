import Keyring

@testable import Administration

/// Worlds whose store is a cluster.
extension World {
    private func recordKey(of organization: Organization) -> String {
        "\(ModelRedis.recordPrefix){\(organization.locator)}"
    }

    func watch(_ cluster: ModelCluster) {
        judge.ledger.servers = cluster.servers.map { _ in Ledger.Server() }
        for (number, server) in cluster.servers.enumerated() { watch(server, number) }
        judge.changedAt = { [unowned cluster] in cluster.changedAt }
        if scenario.stallPercent == 0, scenario.workerDelayMax <= .microseconds(200) {
            judge.recoverySpan = recoverySpan + trustSpan + 4 * scenario.failoverSpan
        }
        cluster.onTaking = { [unowned self, unowned cluster] slot in
            judge.counts.promotions += 1
            // Otherwise nobody is told that the former holder has lost the slot.
            guard !cluster.tellsOfLostKeys else { return }
            for organization in organizations where self.slot(of: organization) == slot {
                judge.excusedUntil[organization.name] = .max
            }
        }
        cluster.onPromotion = { [unowned self] _ in
            judge.counts.promotions += 1
            noteHolders()
            checkConfirmedChanges()
        }
        cluster.onChange = { [unowned self] in noteHolders() }
        noteHolders()
    }

    private func slot(of organization: Organization) -> Int {
        ModelSlots.slot(of: recordKey(of: organization))
    }

    private func noteHolders() {
        guard let cluster else { return }
        for organization in organizations {
            let name = organization.name
            let location = cluster.location(of: recordKey(of: organization))
            let believed = cluster.believed(slot(of: organization))
            judge.ledger.holders[name] = location
            judge.ledger.trust([location] + believed, about: name, at: timeline.now, believingSpan)
            if judge.excusedUntil[name] == .max, believed == [location] {
                judge.excusedUntil[name] = timeline.now + believingSpan
            }
        }
    }

    /// How long a worker may believe a former holder. A slot that was taken by force shows in the next map.
    private var believingSpan: Nanoseconds {
        guard scenario.faults.contains(.takeSlot) else { return fenceSpan }
        return fenceSpan + .milliseconds(1000 + 2 * scenario.timeoutMilliseconds)
    }

    func inject(_ fault: Fault, _ cluster: ModelCluster, _ span: Nanoseconds) {
        switch fault {
        case .failOverShard: failOverAny(cluster, for: span)
        case .failOverShards:
            failOverAny(cluster, for: span)
            timeline.after(
                timeline.chance.number(scenario.failoverSpan...scenario.failoverSpan * 3)
            ) {
                [self] in
                if !isEnding { failOverAny(cluster, for: span) }
            }
        case .moveSlot:
            cluster.move(anyKey, timeline.chance.percent(80) ? .orderly : .interrupted)
        case .takeSlot: cluster.move(anyKey, .forced)
        case .failOverShardBehind: failOverBehind(cluster)
        case .cutOffShard: cutOff(cluster)
        case .listRecords: listRecords()
        default: break
        }
    }

    /// An operator lists all records. None of them is missing, wherever they move.
    private func listRecords() {
        counts.changesUnderWay += 1
        defer { counts.changesUnderWay -= 1 }
        let records = organizations.filter { judge.ledger.latest($0.name).version > 0 }
        withAdministration { administration, client in
            let locators = try RecordListing(administration.store).locators()
            timeline.log("\(client) lists \(locators.count) records")
            for organization in records where !locators.contains(organization.locator) {
                timeline.fail("\(client): the record of \(organization) is not listed")
            }
        }
    }

    func failOverAny(_ cluster: ModelCluster, for span: Nanoseconds) {
        guard let former = timeline.chance.element(of: cluster.holders.servers),
            let kind = timeline.chance.element(of: ModelCluster.Failover.allCases)
        else { return }
        cluster.failOver(former, kind, for: span)
    }

    /// Of a record, or of the membership list.
    private var anyKey: String {
        guard timeline.chance.percent(80),
            let organization = timeline.chance.element(of: organizations)
        else { return ModelRedis.membershipKey }
        return recordKey(of: organization)
    }
}

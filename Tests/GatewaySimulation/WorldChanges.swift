import Keyring
import RedisClient

@testable import Administration

/// Administrators that change keys with the real procedure.
extension World {
    private static let owner = Principal("owner")!

    /// Gives an organization its first key.
    func begin(_ organization: Organization) {
        withAdministration { administration, client in
            try add(organization, administration)
            try generate(organization, administration, client, .untilConfirmed)
        }
    }

    /// Schedules changes, most of them to keys in use.
    func scheduleChange() {
        guard !isEnding else { return }
        timeline.after(timeline.chance.span(mean: scenario.changePause)) { [self] in
            scheduleChange()
            guard let organization = timeline.chance.element(of: organizations) else { return }
            for machine in machines { machine.running?.enqueue(activeKey(of: organization)) }
            timeline.after(timeline.chance.span(mean: scenario.changePause / 4)) { [self] in
                // Another change may begin while this one waits, and ends before it.
                guard !isEnding, counts.changesUnderWay < scenario.administrators else { return }
                let isHurried = timeline.chance.percent(15)
                if organizations.count > 1, timeline.chance.percent(scenario.bulkPercent) {
                    changeAll(isHurried: isHurried)
                } else {
                    change(organization, isHurried: isHurried)
                }
            }
        }
    }

    /// Generates or revokes a key.
    ///
    /// - Parameter isHurried: Whether the administrator may skip or cut short the wait for workers.
    func change(_ organization: Organization, isHurried: Bool) {
        counts.changesUnderWay += 1
        defer { counts.changesUnderWay -= 1 }
        let before = judge.ledger.latest(organization.name).accepted.first?.key
        withAdministration { administration, client in
            if judge.ledger.latest(organization.name).version == 0 {
                try add(organization, administration)
            }
            let policy = policy(isHurried)
            let hasKey = !judge.ledger.latest(organization.name).accepted.isEmpty
            let isUnsealed = !judge.ledger.latest(organization.name).isSealed
            if isUnsealed || hasKey && timeline.chance.percent(30) {
                timeline.log("\(client) revokes the key of \(organization)")
                recordResult(
                    try administration.keys.revoke(organization, policy: policy),
                    organization,
                    client
                )
            } else {
                try generate(organization, administration, client, policy)
            }
        }
        if let before { present(before) }
    }

    /// Generates a key for each organization that exists, all in one transaction with one signal.
    private func changeAll(isHurried: Bool) {
        counts.changesUnderWay += 1
        defer { counts.changesUnderWay -= 1 }
        let before = organizations.compactMap { judge.ledger.latest($0.name).accepted.first?.key }
        withAdministration { administration, client in
            timeline.log("\(client) generates keys for all organizations")
            let (_, result) = try administration.bulk.generateKeys(
                organizations.enumerated().map { number, organization in
                    OrganizationLine(
                        number: number + 1,
                        organization: organization,
                        principal: Self.owner
                    )
                },
                isReplacing: true,
                lifetime: KeyLifetime(expiresInMilliseconds: nil, graceMilliseconds: 0),
                policy: policy(isHurried),
                deliver: { note(keys: $0) },
                onProgress: { _ in true }
            )
            for organization in organizations
            where judge.ledger.hasRevision(of: organization.name, by: client) {
                recordResult(result, organization, client)
            }
        }
        before.forEach(present)
    }

    /// Notes the keys in lines of an organization's name, a tab and its key.
    private func note(keys lines: Span<UInt8>) {
        let bytes = lines.indices.map { lines[$0] }
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            let words = line.split(separator: UInt8(ascii: "\t"))
            let (name, text) = (String(decoding: words[0], as: UTF8.self), Array(words[1]))
            let number = judge.ledger.number(of: secrets.verifier(of: text) ?? "", name)
            judge.ledger.setText(text, of: number)
        }
    }

    private func policy(_ isHurried: Bool) -> ConfirmationPolicy {
        // Where a primary may be out of reach for long, an administrator gives up.
        let hasFailover = deployment != nil || cluster != nil
        let end = hasFailover ? timeline.now + 2 * trustSpan + .milliseconds(2000) : .max
        guard isHurried else {
            return .whileTrue { [timeline] _ in !timeline.isOver && timeline.now < end }
        }
        guard timeline.chance.percent(50) else { return .none }
        return .whileTrue { [timeline] _ in !timeline.isOver && timeline.chance.percent(70) }
    }

    /// An operator exports all records, empties the store, and imports them.
    func importRecords() {
        counts.changesUnderWay += 1
        defer { counts.changesUnderWay -= 1 }
        withAdministration(.stranger) { administration, _ in
            let (archive, _) = try administration.archive.export()
            network.send([RedisCommand("FLUSHALL")])
            timeline.run(until: timeline.now + timeline.chance.span(mean: leaseSpan / 2))
            let isHurried = timeline.chance.percent(50)
            let (summary, result) = try administration.archive.import(
                archive,
                policy: isHurried ? .none : policy(false),
                onProgress: { _ in true }
            )
            timeline.log("\(summary.written) records are imported: \(result)")
        }
    }

    func withAdministration(
        _ client: Client? = nil,
        _ body: (AdministrationContext, Client) throws -> Void
    ) {
        counts.clients += 1
        let client = client ?? .administrator(counts.clients)
        do {
            let configuration = try configuration(
                lease: scenario.leaseMilliseconds,
                grace: scenario.graceMilliseconds
            )
            let (channel, clock) = administratorTools(client, configuration)
            let administration = AdministrationContext(
                configuration,
                caller: Caller(
                    account: Self.owner,
                    as: nil,
                    operators: configuration.operators
                ),
                peppers: secrets.peppers,
                channel: channel,
                clock: clock,
                makeSignalID: { [timeline] in SignalID(at: $0, using: &timeline.chance) }
            )
            try body(administration, client)
        } catch {
            counts.unconfirmed += 1
            timeline.log("\(client): \(error)")
        }
    }

    private func add(_ organization: Organization, _ administration: AdministrationContext) throws {
        _ = try administration.organizations.add(organization, owner: Self.owner)
    }

    private func generate(
        _ organization: Organization,
        _ administration: AdministrationContext,
        _ client: Client,
        _ policy: ConfirmationPolicy
    ) throws {
        let lease = scenario.leaseMilliseconds
        let expires = timeline.chance.percent(15) ? timeline.chance.number(1...4 * lease) : nil
        let grace = timeline.chance.percent(25) ? timeline.chance.number(1...2 * lease) : 0
        timeline.log("\(client) generates a key for \(organization), grace \(grace) ms")
        let key = try administration.keys.generate(
            for: organization,
            lifetime: KeyLifetime(expiresInMilliseconds: expires, graceMilliseconds: grace),
            policy: policy
        )
        let text = WorldSecrets.bytes(key.text)
        let number = judge.ledger.number(of: secrets.verifier(of: text) ?? "", organization.name)
        judge.ledger.setText(text, of: number)
        timeline.log("\(client) has \(judge.ledger.name(number))")
        recordResult(key.confirmation, organization, client)
    }

    /// Records the outcome of a change: a confirmed one is a promise from now on.
    private func recordResult(
        _ confirmation: ConfirmationResult?,
        _ organization: Organization,
        _ client: Client
    ) {
        guard let confirmation, case .confirmed(_, let answer) = confirmation else {
            counts.unconfirmed += 1
            if judge.counts.promotions > 0 { judge.counts.unconfirmedLater += 1 }
            return timeline.log("\(client): \(confirmation.map { "\($0)" } ?? "there was no key")")
        }
        counts.confirmed += 1
        if judge.counts.promotions > 0 { judge.counts.confirmedLater += 1 }
        timeline.log("\(client): confirmed, \(answer.expired.count) waited out")
        if scenario.isCalm, isEnding, !scenario.isStrict, !answer.expired.isEmpty {
            timeline.fail("\(client): a worker does not acknowledge a barrier in a calm world")
        }
        let isMade = judge.ledger.confirm(
            organization.name,
            by: client,
            at: timeline.now,
            timeline.step
        )
        if !isMade { timeline.fail("\(client): a change that was not made is confirmed") }
        checkConfirmedChanges()
    }
}

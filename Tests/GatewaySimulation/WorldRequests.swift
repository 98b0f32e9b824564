import Keyring

/// Workers, and the requests that come to them.
extension World {
    func startWorker(at place: Place) {
        counts.clients += 1
        var lease = scenario.leaseMilliseconds
        var grace = scenario.graceMilliseconds
        if scenario.isMixed, timeline.chance.percent(50) {
            lease = max(50, lease / 2)
            grace /= 2
        }
        timeline.tell("worker \(counts.clients) begins")
        do {
            let configuration = try configuration(lease: lease, grace: grace)
            let worker = SimulatedWorker(
                counts.clients,
                configuration,
                secrets: try secrets.gatewaySecrets(configuration),
                at: place,
                organizations: organizations,
                network: network,
                judge: judge,
                flaw: flaw
            )
            place.worker = worker
        } catch {
            timeline.broke("a worker does not start: \(error)")
        }
    }

    func configuration(lease: UInt64, grace: UInt64) throws -> Configuration {
        let directives = """
            latchkey_consistency \(scenario.isStrict ? "strict" : "leased");
            latchkey_lease \(lease)ms;
            latchkey_outage_grace \(grace)ms;
            latchkey_timeout \(scenario.timeoutMilliseconds)ms;
            latchkey_cache_size \(scenario.cacheSize);
            latchkey_operators owner;
            """
        return try Configuration(ConfigurationFile.directives(in: Array(directives.utf8)))
    }

    /// Requests come again and again.
    func awaitRequest(at place: Place) {
        guard !isEnding else { return }
        timeline.after(timeline.chance.span(mean: scenario.requestPause)) { [self] in
            request(at: place)
            awaitRequest(at: place)
        }
    }

    private func request(at place: Place) {
        guard let worker = place.running else { return }
        switch timeline.chance.number(0...99) {
        case 0..<4: worker.notice(.abort)
        case 4..<10: worker.notice(.departure)
        default: worker.notice(credential())
        }
    }

    /// Requests with a key that a change has ended come to all workers, at once and for a while. They
    /// show a change even to workers that are not told, so some of those are left without.
    func present(_ key: Int) {
        if scenario.faults.contains(.refuseTracking), timeline.chance.percent(25) { return }
        guard let text = judge.ledger.keys[key].text else { return }
        for place in places {
            for round in 0..<3 {
                let span = round == 0 ? 0 : timeline.chance.span(mean: trustSpan / 3)
                timeline.after(span) { place.running?.notice(.request(.issued(key), text)) }
            }
        }
    }
}

// MARK: - What requests present

extension World {
    private func credential() -> SimulatedWorker.Happening {
        let organization = timeline.chance.element(of: organizations)!
        switch timeline.chance.number(0...99) {
        case 0..<5 where flaw == .driver(.madeUpWithPepper):
            return .request(.madeUp, secrets.strayKey(for: organization))
        case 0..<5: return .request(.madeUp, secrets.forgedKey(for: organization))
        case 5..<8: return .request(.madeUp, damagedKey(for: organization))
        case 8..<12: return strayKey(for: organization)
        case 12..<40:
            if let request = endedKey(of: organization) { return request }
            fallthrough
        default: return activeKey(of: organization)
        }
    }

    func activeKey(of organization: Organization) -> SimulatedWorker.Happening {
        guard let key = judge.ledger.latest(organization.name).accepted.first?.key,
            let text = judge.ledger.keys[key].text
        else { return strayKey(for: organization) }
        return .request(.issued(key), text)
    }

    /// One of the last keys of an organization that is not the active one.
    private func endedKey(of organization: Organization) -> SimulatedWorker.Happening? {
        let ledger = judge.ledger
        let active = ledger.latest(organization.name).accepted.first?.key
        let ended = ledger.knownKeys(organization.name).suffix(4).filter { $0 != active }
        guard let key = timeline.chance.element(of: ended), let text = ledger.keys[key].text
        else { return nil }
        return .request(.issued(key), text)
    }

    private func strayKey(for organization: Organization) -> SimulatedWorker.Happening {
        let number: Int
        if let known = strayKeys[organization.name] {
            number = known
        } else {
            let text = secrets.strayKey(for: organization)
            number = judge.ledger.number(of: secrets.verifier(of: text) ?? "", organization.name)
            judge.ledger.tell(text, of: number)
            strayKeys[organization.name] = number
        }
        return .request(.issued(number), judge.ledger.keys[number].text ?? [])
    }

    private func damagedKey(for organization: Organization) -> [UInt8] {
        var text = secrets.forgedKey(for: organization)
        let index = timeline.chance.number(0...text.count - 1)
        text[index] = text[index] == UInt8(ascii: "x") ? UInt8(ascii: "y") : UInt8(ascii: "x")
        return text
    }
}

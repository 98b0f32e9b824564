import Keyring

/// Workers, and the requests that they receive.
extension World {
    func startWorker(at machine: Machine) {
        counts.clients += 1
        var lease = scenario.leaseMilliseconds
        var grace = scenario.graceMilliseconds
        if scenario.isMixed, timeline.chance.percent(50) {
            lease = max(50, lease / 2)
            grace /= 2
        }
        timeline.log("worker \(counts.clients) starts")
        do {
            let configuration = try configuration(lease: lease, grace: grace)
            let worker = SimulatedWorker(
                counts.clients,
                configuration,
                secrets: try secrets.gatewaySecrets(configuration),
                at: machine,
                organizations: organizations,
                network: network,
                judge: judge,
                flaw: flaw
            )
            machine.worker = worker
        } catch {
            timeline.fail("a worker does not start: \(error)")
        }
    }

    func configuration(lease: UInt64, grace: UInt64) throws -> Configuration {
        var directives = """
            latchkey_consistency \(scenario.isStrict ? "strict" : "leased");
            latchkey_lease \(lease)ms;
            latchkey_outage_grace \(grace)ms;
            latchkey_timeout \(scenario.timeoutMilliseconds)ms;
            latchkey_cache_size \(scenario.cacheSize);
            latchkey_operators owner;
            """
        if let url = deployment?.url ?? cluster?.url { directives += "latchkey_store \(url);" }
        if let copies = scenario.copies { directives += "latchkey_copies \(copies);" }
        return try Configuration(ConfigurationFile.directives(in: Array(directives.utf8)))
    }

    /// Schedules requests.
    func scheduleRequest(at machine: Machine) {
        guard !isEnding else { return }
        timeline.after(timeline.chance.span(mean: scenario.requestPause)) { [self] in
            request(at: machine)
            scheduleRequest(at: machine)
        }
    }

    private func request(at machine: Machine) {
        guard let worker = machine.running else { return }
        switch timeline.chance.number(0...99) {
        case 0..<4: worker.enqueue(.abort)
        case 4..<10: worker.enqueue(.departure)
        default: worker.enqueue(credential())
        }
    }

    /// Sends requests with a key that a change has ended to all workers, at once and for a while. They
    /// reveal the change even to workers without invalidations, so some worlds leave them out.
    func present(_ key: Int) {
        if scenario.isQuiet { return }
        if scenario.faults.contains(.refuseTracking), timeline.chance.percent(25) { return }
        guard let text = judge.ledger.keys[key].text else { return }
        for machine in machines {
            for round in 0..<3 {
                let span = round == 0 ? 0 : timeline.chance.span(mean: trustSpan / 3)
                timeline.after(span) { machine.running?.enqueue(.request(.issued(key), text)) }
            }
        }
    }
}

// MARK: - Credentials of requests

extension World {
    private func credential() -> SimulatedWorker.Event {
        let organization = timeline.chance.element(of: organizations)!
        switch timeline.chance.number(0...99) {
        case 0..<5 where flaw == .driver(.madeUpWithPepper):
            return .request(.forged, secrets.strayKey(for: organization))
        case 0..<5: return .request(.forged, secrets.forgedKey(for: organization))
        case 5..<8: return .request(.forged, damagedKey(for: organization))
        case 8..<12: return strayKey(for: organization)
        case 12..<40:
            if let request = endedKey(of: organization) { return request }
            fallthrough
        default: return activeKey(of: organization)
        }
    }

    func activeKey(of organization: Organization) -> SimulatedWorker.Event {
        guard let key = judge.ledger.latest(organization.name).accepted.first?.key,
            let text = judge.ledger.keys[key].text
        else { return strayKey(for: organization) }
        return .request(.issued(key), text)
    }

    /// One of an organization's last keys, but not the active one.
    private func endedKey(of organization: Organization) -> SimulatedWorker.Event? {
        let ledger = judge.ledger
        let active = ledger.latest(organization.name).accepted.first?.key
        let ended = ledger.deliveredKeys(organization.name).suffix(4).filter { $0 != active }
        guard let key = timeline.chance.element(of: ended), let text = ledger.keys[key].text
        else { return nil }
        return .request(.issued(key), text)
    }

    private func strayKey(for organization: Organization) -> SimulatedWorker.Event {
        let number: Int
        if let stray = strayKeys[organization.name] {
            number = stray
        } else {
            let text = secrets.strayKey(for: organization)
            number = judge.ledger.number(of: secrets.verifier(of: text) ?? "", organization.name)
            judge.ledger.setText(text, of: number)
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

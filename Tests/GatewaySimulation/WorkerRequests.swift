import Keyring

@testable import Gateway

/// How requests come to a worker, wait, are answered, stay open and end.
extension SimulatedWorker {
    func begin(_ credential: Credential, _ text: [UInt8]) {
        guard life == .running else { return }
        lastRequest += 1
        var check = Check(
            credential: credential,
            begunAt: timeline.now,
            begunStep: timeline.step,
            begunUnix: now.unix,
            deadline: now.monotonic.advanced(byMilliseconds: configuration.timeoutMilliseconds)
        )
        let before = gatekeeper.probe.traffic
        switch gatekeeper.check(text.span, request: lastRequest, at: now) {
        case .decided(let decision):
            check.decision = made(check)
            answer(lastRequest, decision, check)
        case .waiting(let ticket):
            check.ticket = ticket
            checks[lastRequest] = check
        }
        if case .madeUp = credential, gatekeeper.probe.traffic != before {
            timeline.broke("G5: \(self): a made-up key makes traffic")
        }
    }

    func abort() {
        guard let (request, check) = checks.min(by: { $0.key < $1.key }) else { return }
        gatekeeper.cancel(ticket: check.ticket)
        checks[request] = nil
    }

    func depart() {
        guard let (request, open) = requests.min(by: { $0.key < $1.key }) else { return }
        gatekeeper.closeStream(open.stream)
        requests[request] = nil
    }

    /// Notes when decisions were made that are handed out at the end of the turn.
    func noteDecisions() {
        for request in gatekeeper.probe.undelivered {
            guard let check = checks[request], check.decision == nil else { continue }
            checks[request]?.decision = made(check)
        }
    }

    /// Notes what is remembered of records, where nothing is ever given up.
    func noteVersions() {
        guard configuration.cacheSize >= locators.count else { return }
        for (name, locator) in locators { remembered[name] = gatekeeper.probe.version(of: locator) }
    }

    private func made(_ check: Check) -> Check.Made {
        var version: UInt64?
        if case .issued(let key) = check.credential {
            version = remembered[judge.ledger.keys[key].organization]
        }
        return Check.Made(
            at: timeline.now,
            unix: now.unix,
            isTrusted: now.monotonic < gatekeeper.probe.trustedUntil,
            silence: judge.silence(of: self),
            remembered: version
        )
    }

    func handOut() {
        while let answer = gatekeeper.nextDecision() {
            if flaw == .driver(.answerForgotten), timeline.chance.percent(5) { continue }
            hand(answer.decision, to: answer.request)
            if flaw == .driver(.answeredTwice), timeline.chance.percent(5) {
                hand(answer.decision, to: answer.request)
            }
        }
        while let request = gatekeeper.nextEndedStream() {
            if flaw == .driver(.endsIgnored) { continue }
            guard let open = requests.removeValue(forKey: request) else {
                timeline.broke("\(self): a request is ended that is not open")
                continue
            }
            timeline.tell("\(self): a request with \(judge.ledger.name(open.key)) is ended")
            judge.judgeEnd(of: open, by: self)
        }
    }

    private func hand(_ decision: Decision, to request: UInt) {
        guard let check = checks.removeValue(forKey: request) else {
            return timeline.broke("\(self): a request is answered twice, or after it has gone")
        }
        answer(request, decision, check)
    }

    /// Looks at the open requests, where all news of the last time have come, or the store could be
    /// asked.
    func auditRequests() {
        let trustEnd = clock.time(of: gatekeeper.probe.trustedUntil)
        if trustedUntil < timeline.now { trustingSince = timeline.now }
        trustedUntil = trustEnd
        noteReach()
        for request in requests.values {
            if timeline.now < trustEnd {
                judge.judgeOpen(request, at: self, within: readingSpan, since: trustingSince)
            }
            judge.judgeOpen(request, at: self, within: watchingSpan, since: reachingSince)
        }
    }

    /// Since when the worker has reached the store without a break, and has not stood still.
    private func noteReach() {
        if timeline.now - auditedAt > noticeSpan || !gatekeeper.probe.isStoreReady {
            reachingSince = timeline.now
        }
        auditedAt = timeline.now
    }

    private func answer(_ request: UInt, _ decision: Decision, _ check: Check) {
        judge.judge(decision, check, by: self)
        if case .issued(let key) = check.credential { decisions[key] = decision }
        guard decision.result == .allowed, let locator = decision.locator,
            let key = decision.streamKey, case .issued(let number) = check.credential,
            habits.staysOpen(&timeline.chance)
        else { return }
        requests[request] = OpenRequest(
            key: number,
            stream: gatekeeper.openStream(request, locator, key),
            openedAt: timeline.now,
            since: judge.since(decision, check, self)
        )
    }
}

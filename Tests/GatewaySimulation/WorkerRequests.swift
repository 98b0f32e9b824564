import Keyring
import RedisClient

@testable import Gateway

/// How a worker handles requests from their checks to their ends.
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
            check.context = context(of: check)
            answer(lastRequest, decision, check)
        case .waiting(let ticket):
            check.ticket = ticket
            checks[lastRequest] = check
        }
        if case .forged = credential, gatekeeper.probe.traffic != before {
            timeline.fail("G5: \(self): a forged key causes traffic")
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

    /// Notes the context of decisions that are handed out at the end of the turn.
    func noteDecisions() {
        for request in gatekeeper.probe.undelivered {
            guard let check = checks[request], check.context == nil else { continue }
            checks[request]?.context = context(of: check)
        }
    }

    /// Notes the cached versions of records, unless the cache may evict some.
    func noteVersions() {
        guard configuration.cacheSize >= locators.count else { return }
        for (name, locator) in locators {
            cachedVersions[name] = gatekeeper.probe.version(of: locator)
        }
    }

    private func context(of check: Check) -> Check.Context {
        var version: UInt64?
        var trustedUntil = MonotonicTime.origin
        if case .issued(let key) = check.credential {
            let organization = judge.ledger.keys[key].organization
            version = cachedVersions[organization]
            if let locator = locators[organization] {
                trustedUntil = gatekeeper.probe.trustedUntil(of: locator)
            }
        }
        return Check.Context(
            at: timeline.now,
            unix: now.unix,
            isTrusted: now.monotonic < trustedUntil,
            silence: judge.silence(of: self),
            cachedVersion: version
        )
    }

    func deliverDecisions() {
        while let answer = gatekeeper.nextDecision() {
            if flaw == .driver(.answerForgotten), timeline.chance.percent(5) { continue }
            deliver(answer.decision, to: answer.request)
            if flaw == .driver(.answeredTwice), timeline.chance.percent(5) {
                deliver(answer.decision, to: answer.request)
            }
        }
        while let request = gatekeeper.nextEndedStream() {
            if flaw == .driver(.endsIgnored) { continue }
            guard let open = requests.removeValue(forKey: request) else {
                timeline.fail("\(self): a request that is not open is ended")
                continue
            }
            timeline.log("\(self): a request with \(judge.ledger.name(open.key)) is ended")
            judge.judgeEnd(of: open, by: self)
        }
    }

    private func deliver(_ decision: Decision, to request: UInt) {
        guard let check = checks.removeValue(forKey: request) else {
            return timeline.fail("\(self): a request is answered twice, or after its end")
        }
        answer(request, decision, check)
    }

    /// Judges the open requests, if the worker received all recent invalidations or could read the
    /// store.
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

    /// Notes since when the worker has reached an attested store without an interruption.
    private func noteReach() {
        let isAttested = now.monotonic < gatekeeper.probe.attestedUntil
        if timeline.now - auditedAt > noticeSpan || !gatekeeper.probe.isStoreReady || !isAttested {
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

import Administration
import KeyFormat
import Keyring

/// What came of a job.
public struct JobResult: ~Copyable {
    /// The response to send.
    public let response: ConsoleResponse

    /// What happened, for the log; `nil` if there is nothing to say.
    public let note: String?

    /// How a change ended, as metrics name it; `nil` if it is none.
    public let outcome: String?

    init(_ response: consuming ConsoleResponse, note: String? = nil, outcome: String? = nil) {
        self.response = response
        self.note = note
        self.outcome = outcome
    }
}

extension Console {
    /// How long after a revocation its confirmation is still shown, in milliseconds.
    private static let revocationNoticeMilliseconds: UInt64 = 600_000

    /// Does a job. It may block.
    ///
    /// - Parameter mayAskGateways: Whether gateways may be asked for the last use.
    public func perform(
        _ job: Job,
        _ administration: some KeyAdministration,
        mayAskGateways: Bool,
        now: UnixTime
    ) -> JobResult {
        do throws(KeyFailure) {
            if case .readiness = job.work {
                guard administration.isReady() else {
                    throw .unavailable("the store does not answer")
                }
                return JobResult(ConsoleResponse(204, headers: [("Cache-Control", "no-store")]))
            }
            guard let organization = job.organization else { throw .notFound }
            let run = JobRun(
                console: self,
                job: job,
                administration: administration,
                organization: organization,
                asksGateways: mayAskGateways && !job.request.isHeadOnly,
                now: now
            )
            return try run.result()
        } catch {
            return result(error, job)
        }
    }

    /// What comes of a job that cannot be done.
    public func result(_ failure: KeyFailure, _ job: Job) -> JobResult {
        let change = job.change
        switch failure {
        case .notFound:
            return JobResult(
                response(.notFound, job.request),
                outcome: change.map { _ in "refused" }
            )
        case .keyChanged:
            return JobResult(
                response(.keyChanged, job.request),
                outcome: change.map { _ in "stale" }
            )
        case .uncertain(let reason):
            return JobResult(
                response(.outcomeUnknown, job.request, isLogged: true),
                note: reason,
                outcome: "unknown"
            )
        case .unavailable(let reason):
            return JobResult(
                response(.storeUnavailable, job.request, isLogged: true),
                note: reason,
                outcome: change.map { _ in "failed" }
            )
        }
    }

    /// The confirmation of a revocation, if the address and the record agree about it.
    static func notice(_ revokedAt: UnixTime?, _ status: KeyStatus, now: UnixTime) -> Notice? {
        guard let revokedAt, let recorded = status.record.revokedAt, recorded <= revokedAt,
            revokedAt <= now.advanced(byMilliseconds: 1000),
            now < recorded.advanced(byMilliseconds: revocationNoticeMilliseconds)
        else { return nil }
        return .revoked(revokedAt)
    }
}

/// One job for one organization.
private struct JobRun<Keys: KeyAdministration> {
    let console: Console
    let job: Job
    let administration: Keys
    let organization: Organization
    let asksGateways: Bool
    let now: UnixTime

    func result() throws(KeyFailure) -> JobResult {
        switch job.work {
        case .page(let revokedAt): return try page(revokedAt)
        case .question(let change): return try question(change)
        case .generate(let precondition, let lifetime):
            return try generate(precondition, lifetime)
        case .revoke(let precondition): return try revoke(precondition)
        case .status: return try status()
        case .audit(let span): return try audit(span)
        case .readiness: throw .notFound
        }
    }

    private var context: PageContext {
        PageContext(
            settings: console.settings,
            texts: job.request.texts,
            organization: organization,
            keyPrefix: console.keyPrefix,
            now: now
        )
    }

    private func status(for action: OwnerRule.Action, asks: Bool) throws(KeyFailure) -> KeyStatus {
        try administration.status(of: organization, for: action, asksGateways: asks)
    }

    // MARK: Reading

    private func page(_ revokedAt: UnixTime?) throws(KeyFailure) -> JobResult {
        let status = try status(for: .status, asks: asksGateways)
        return JobResult(page(200, status, Console.notice(revokedAt, status, now: now)))
    }

    private func question(_ change: ChangeKind) throws(KeyFailure) -> JobResult {
        let action: OwnerRule.Action = change == .generate ? .generate : .revoke
        let status = try status(for: action, asks: asksGateways)
        guard status.record.key != nil else { return JobResult(page(200, status, nil)) }
        let question = QuestionPage(context: context, change: change, status: status)
        return JobResult(console.page(200, question.html, job.request))
    }

    private func status() throws(KeyFailure) -> JobResult {
        let status = try status(for: .status, asks: asksGateways)
        let use =
            switch status.lastUse {
            case .never: "never"
            case .at: "known"
            case .unknown: "unknown"
            }
        let members = JSONReport.members(of: status) + [("last_use", JSONText.string(use))]
        var response = json(200, members)
        response.headers.append(("ETag", EntityTag(status).field))
        return JobResult(response)
    }

    private func audit(_ span: UInt64?) throws(KeyFailure) -> JobResult {
        let start = span.map { now.milliseconds - min(now.milliseconds, Int64(clamping: $0)) } ?? 0
        let lines = try administration.audit(
            of: organization,
            since: UnixTime(milliseconds: start)
        )
        let text = JSONReport.audit(lines) + "\n"
        return JobResult(console.text(200, "application/json", text, job.request))
    }

    // MARK: Changing

    private func generate(_ precondition: Precondition, _ lifetime: KeyLifetime) throws(KeyFailure)
        -> JobResult
    {
        let before = try status(for: .generate, asks: false)
        guard precondition.isMet(by: before) else { return try changed(before) }
        let generated: GeneratedKey
        do throws(KeyFailure) {
            generated = try administration.generate(
                for: organization,
                replacing: precondition.seen(before),
                lifetime: lifetime
            )
        } catch {
            guard error == .keyChanged else { throw error }
            return try changed(try status(for: .generate, asks: false))
        }
        let confirmation = generated.confirmation
        return JobResult(
            newKey(generated, before: before),
            note: note(confirmation, "\(organization) has a new key", "the previous key"),
            outcome: outcome(confirmation)
        )
    }

    /// The response that hands a new key over.
    private func newKey(_ generated: borrowing GeneratedKey, before: KeyStatus) -> ConsoleResponse {
        let (record, confirmation) = (generated.record, generated.confirmation)
        let content: (status: Int, type: String, template: String)
        if job.request.isForPrograms {
            content = (201, "application/json", keyTemplate(record, confirmation))
        } else {
            let page = NewKeyPage(
                context: context,
                record: record,
                hadKey: before.record.key != nil,
                confirmation: confirmation,
                gateways: administration.gateways()
            )
            content = (200, "text/html; charset=utf-8", page.html.text)
        }
        return ConsoleResponse(
            content.status,
            type: content.type,
            headers: console.headers(job.request),
            template: content.template,
            key: generated.text.withSpan { SecretBytes(copying: $0) }
        )
    }

    private func revoke(_ precondition: Precondition) throws(KeyFailure) -> JobResult {
        let before = try status(for: .revoke, asks: false)
        let hadKey = before.record.key != nil
        guard !hadKey || precondition.isMet(by: before) else { return try changed(before) }
        let confirmation: ConfirmationResult?
        do throws(KeyFailure) {
            let seen = hadKey ? precondition.seen(before) : before
            confirmation = try administration.revoke(organization, asIn: seen)
        } catch {
            guard error == .keyChanged else { throw error }
            return try changed(try status(for: .revoke, asks: false))
        }
        let doubt = confirmation.flatMap {
            note($0, "the key of \(organization) was revoked", "it")
        }
        return JobResult(
            try revoked(confirmation, hadKey: hadKey),
            note: doubt,
            outcome: confirmation.map(outcome) ?? "none"
        )
    }

    private func revoked(_ confirmation: ConfirmationResult?, hadKey: Bool) throws(KeyFailure)
        -> ConsoleResponse
    {
        guard !job.request.isForPrograms else {
            return json(
                200,
                [
                    ("organization", JSONText.string(organization.name)),
                    ("status", JSONText.string("none")), ("revoked", hadKey ? "true" : "false"),
                    (
                        "confirmation",
                        confirmation.map { json($0, context.texts.doubts.keyRevoked) } ?? "null"
                    ),
                ]
            )
        }
        if case .unconfirmed(let uncertainty)? = confirmation {
            return page(200, try status(for: .status, asks: false), .doubt(uncertainty))
        }
        var location = context.address
        if case .confirmed(let since, _)? = confirmation {
            location += "?revoked=\(since.milliseconds)"
        }
        return ConsoleResponse(
            303,
            headers: console.headers(job.request) + [("Location", location)]
        )
    }

    /// The answer to a change of a key that is not the one that was seen.
    private func changed(_ status: KeyStatus) throws(KeyFailure) -> JobResult {
        guard !job.request.isForPrograms else { throw .keyChanged }
        return JobResult(
            page(Problem.keyChanged.status, status, .problem(.keyChanged, request: nil)),
            outcome: "stale"
        )
    }

    // MARK: Formats

    private func page(_ code: Int, _ status: KeyStatus, _ notice: Notice?) -> ConsoleResponse {
        let page = KeyPage(context: context, status: status, notice: notice)
        return console.page(code, page.html, job.request)
    }

    private func json(_ code: Int, _ members: [(name: String, value: String)]) -> ConsoleResponse {
        console.text(code, "application/json", JSONText.object(members) + "\n", job.request)
    }

    private func keyTemplate(_ record: KeyRecord, _ confirmation: ConfirmationResult) -> String {
        JSONText.object([
            ("organization", JSONText.string(organization.name)),
            ("key", "\"\(ConsoleResponse.keyPlace)\""),
            ("created_at", JSONReport.time(record.key?.createdAt)),
            ("expires_at", JSONReport.time(record.key?.expiresAt)),
            ("previous_key_until", JSONReport.time(record.previous?.until)),
            ("confirmation", json(confirmation, context.texts.doubts.keyCreated)),
        ]) + "\n"
    }

    /// - Parameter change: What was done, as the beginning of a sentence.
    private func json(_ confirmation: ConfirmationResult, _ change: String) -> String {
        switch confirmation {
        case .confirmed(let since, let outcome):
            return JSONText.object([
                ("state", JSONText.string("confirmed")), ("since", JSONReport.time(since)),
                ("gateways", administration.gateways().map { String($0) } ?? "null"),
                ("waited_out", JSONText.array(outcome.expired.map { JSONText.string($0.host) })),
            ])
        case .notAwaited:
            return JSONText.object([("state", JSONText.string("not_awaited"))])
        case .unconfirmed(let uncertainty):
            let detail = DoubtText(context: context).text(change, uncertainty)
            return JSONText.object([
                ("state", JSONText.string("unconfirmed")), ("detail", JSONText.string(detail)),
            ])
        }
    }

    private func outcome(_ confirmation: ConfirmationResult) -> String {
        switch confirmation {
        case .confirmed, .notAwaited: "confirmed"
        case .unconfirmed: "unconfirmed"
        }
    }

    /// What the log says about a change that is not confirmed.
    private func note(_ confirmation: ConfirmationResult, _ change: String, _ key: String)
        -> String?
    {
        guard case .unconfirmed(let uncertainty) = confirmation else { return nil }
        return ConfirmationText.error(
            for: uncertainty,
            change: change,
            key: key,
            remedy: "repeat the change"
        ).message
    }
}

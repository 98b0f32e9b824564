import Keyring
import RedisClient

/// Whether the sentinels can be asked, agree, and know the servers that hold the records; and what is found at
/// each of those.
struct SentinelCheck {
    private let url: SentinelURL
    private let configuration: Configuration
    private let opening: StoreOpening
    private let group: SentinelGroup
    private let views: [SentinelView]

    /// Asks the sentinels.
    ///
    /// - Throws: An error if their credentials cannot be used.
    init(_ url: SentinelURL, _ configuration: Configuration, _ opening: StoreOpening)
        throws(AdministrationError)
    {
        (self.url, self.configuration, self.opening) = (url, configuration, opening)
        group = try SentinelGroup(url, configuration)
        // A first question connects, so that the second one tells how long an answer takes.
        _ = group.ask([SentinelCommands.primary(url.name)])
        let before = SystemClock.monotonicTime()
        let answers = group.ask(SentinelView.commands(url.name))
        let span = before.milliseconds(until: SystemClock.monotonicTime())
        views = zip(url.sentinels, answers).map { endpoint, answer in
            SentinelView(endpoint, answer, askedForMilliseconds: span)
        }
    }

    var findings: [Finding] {
        let named: NamedPrimary?
        let agreement: Finding
        do throws(PrimarySearch.Dispute) {
            let primary = try PrimaryVerdict(url, views.map(\.answer)).primary()
            (named, agreement) = (primary, Self.agreed(primary, url))
        } catch {
            (named, agreement) = (nil, Self.disputed(error))
        }
        let fleet = ServerFleet(configuration, opening, views, named)
        return sentinels + [agreement] + lists + [lease, timeout].compactMap(\.self) + excess
            + fleet.findings
    }

    // MARK: - The sentinels

    private var sentinels: [Finding] {
        let certificates = url.sentinels.indices.flatMap { index in
            CertificateCheck.findings(of: group.certificates(of: index), "sentinel")
                .map { $0.at(url.sentinels[index]) }
        }
        return [number] + views.compactMap(\.silence) + certificates
    }

    private var number: Finding {
        let count = url.sentinels.count
        let answering = views.filter { $0.silence == nil }.count
        guard count >= 3 else {
            return .fault(
                "sentinels.number",
                "latchkey_store names \(Counted(count, "sentinel")): without one of them, none of the others "
                    + "is a majority",
                "run three sentinels or more, on hosts that do not fail together, and name all of them"
            )
        }
        return .ok("sentinels.number", "\(answering) of \(count) sentinels answer")
    }

    private static func agreed(_ named: NamedPrimary, _ url: SentinelURL) -> Finding {
        .ok(
            "sentinels.primary",
            "they name \(named.primary.address) as the primary of \(url.name), with "
                + "\(Counted(named.replicaCount, "replica"))"
        )
    }

    private static func disputed(_ dispute: PrimarySearch.Dispute) -> Finding {
        .fault(
            "sentinels.primary",
            dispute.text,
            dispute.isRefusal
                ? "check the name in latchkey_store, and the permissions of the sentinels' user: docs/ACCESS.md"
                : "during a failover, wait and run latchkey doctor again; otherwise see the sentinels' logs"
        )
    }

    /// A gateway takes another server for the primary than this program if their lists have different majorities.
    private var lists: [Finding] {
        let faults = views.compactMap { fault(of: $0)?.at($0.endpoint) }
        return faults.isEmpty && views.contains { $0.others != nil }
            ? [.ok("sentinels.list", "they know the sentinels that latchkey_store names")] : faults
    }

    /// What is wrong with the other sentinels that one knows.
    private func fault(of view: SentinelView) -> Finding? {
        guard let others = view.others else { return nil }
        let configured = Set(url.sentinels)
        let count = others.count + 1
        guard count == configured.count else {
            return .fault(
                "sentinels.list",
                "it knows \(Counted(count, "sentinel")), itself included, and latchkey_store names "
                    + "\(configured.count)",
                count < configured.count
                    ? "sentinels find each other through the primary: see its log; with passwords, sentinel "
                        + "auth-user and auth-pass (docs/ACCESS.md)"
                    : "name all of them in latchkey_store, on all hosts, one more or one fewer at a time; for "
                        + "those that are gone for good: SENTINEL RESET \(url.name) at each other sentinel"
            )
        }
        if !view.lost.isEmpty {
            let names = view.lost.map(\.description).sorted().joined(separator: ", ")
            return .fault(
                "sentinels.list",
                "it does not reach the sentinels at \(names): without a majority there is no failover",
                "start them, or see their logs; with passwords, sentinel sentinel-user and sentinel-pass "
                    + "(docs/ACCESS.md)"
            )
        }
        if let twin = views.first(where: { $0.endpoint != view.endpoint && $0.isTwin(of: view) }) {
            return .fault(
                "sentinels.list",
                "it is the same sentinel as \(twin.endpoint): together they are no majority",
                "name each sentinel once in latchkey_store, on all hosts"
            )
        }
        let strange = others.filter { !configured.contains($0) }.map(\.description).sorted()
        guard !strange.isEmpty, url.sentinels.allSatisfy(\.isIPAddress) else { return nil }
        return .note(
            "sentinels.list",
            "it knows sentinels that latchkey_store does not name: \(strange.joined(separator: ", "))",
            "compare latchkey_store with sentinel announce-ip and announce-port"
        )
    }

    /// Whether a sentinel allows more than both programs need.
    private var excess: [Finding] {
        let probes = ExcessPermissionProbe.sentinel
        let allowed = group.ask(probes.map(\.command)).map { answer -> [String] in
            guard let replies = try? answer.get() else { return [] }
            return zip(probes, replies).filter { $1.failure?.code != "NOPERM" }.map(\.0.permission)
        }
        guard let most = allowed.max(by: { $0.count < $1.count }), !most.isEmpty else { return [] }
        return [
            .note(
                "sentinels.excess",
                "with what latchkey_store_auth says, one may also: \(most.joined(separator: ", "))",
                "create a user at the sentinels that has only the permissions in docs/ACCESS.md"
            )
        ]
    }

    /// Gateways ask four times in a lease.
    private var lease: Finding? {
        let answering = views.filter { $0.silence == nil }
        // Without a majority the silent ones were waited for.
        guard answering.count >= url.majority, let span = answering.map(\.milliseconds).max(),
            span > configuration.fenceMilliseconds / 4
        else { return nil }
        return .fault(
            "sentinels.lease",
            "they took \(span) ms to answer: with a latchkey_lease of \(configuration.fenceMilliseconds) ms, "
                + "gateways lose the primary at each delay and answer 503",
            "set latchkey_lease to \(span * 8) ms or more"
        )
    }
}

extension SentinelCheck {
    /// A change waits so long, and no longer, for a failover that goes on.
    private static let timeoutMillisecondsMax: UInt64 = 20_000

    /// A failover goes on until all replicas follow the new primary, or its time is up. Gateways do not wait for that.
    private var timeout: Finding? {
        let timeouts = views.compactMap { $0.failoverTimeoutMilliseconds }
        guard let longest = timeouts.max(), longest > Self.timeoutMillisecondsMax else {
            return nil
        }
        return .note(
            "sentinels.timeout",
            "a failover may take \(longest / 1000) s (failover-timeout): until it ends, for a replica that is slow to follow, "
                + "changes end with exit code 69",
            "SENTINEL SET \(url.name) failover-timeout 10000 at each sentinel"
        )
    }
}

/// What one sentinel says.
struct SentinelView {
    static func commands(_ name: String) -> [RedisCommand] {
        [
            SentinelCommands.primary(name), SentinelCommands.replicas(name),
            SentinelCommands.sentinels(name),
        ]
    }

    let endpoint: Endpoint
    let answer: SentinelAnswer

    /// How long the slowest of all that were asked took, in milliseconds.
    let milliseconds: UInt64

    /// What it says of each replica.
    let replicas: [SentinelReport]

    /// The other sentinels that it knows; `nil` if it does not say.
    let others: [Endpoint]?

    /// Those of them that it does not reach.
    let lost: [Endpoint]

    /// Why it does not report replicas or sentinels; `nil` if it does.
    private let refusal: RedisError?

    init(
        _ endpoint: Endpoint,
        _ result: Result<[RedisReply], StoreConnection.Fault>,
        askedForMilliseconds milliseconds: UInt64
    ) {
        self.endpoint = endpoint
        self.milliseconds = milliseconds
        answer = SentinelAnswer(result)
        refusal = (try? result.get())?.dropFirst().firstFailure
        let replies = (try? result.get()) ?? []
        replicas = replies.dropFirst().first.flatMap { SentinelReport.list($0) } ?? []
        let reports = replies.dropFirst(2).first.flatMap { SentinelReport.list($0) }
        others = reports?.compactMap(\.address)
        lost = (reports ?? []).filter(\.isDown).compactMap(\.address)
    }

    /// How long a failover may take; `nil` if it does not say.
    var failoverTimeoutMilliseconds: UInt64? {
        if case .report(let report, _) = answer { report.number("failover-timeout") } else { nil }
    }

    /// Whether two names lead to one sentinel: it knows all others, and never itself.
    func isTwin(of other: SentinelView) -> Bool {
        guard let others, let theirs = other.others, !others.isEmpty else { return false }
        return Set(others) == Set(theirs)
    }

    /// The finding if it does not answer.
    var silence: Finding? {
        switch answer {
        case .report:
            refusal.map {
                .fault(
                    "sentinels.rights",
                    "it does not report which servers and sentinels there are: \($0.message)",
                    "grant the permissions in docs/ACCESS.md to the sentinels' user"
                )
                .at(endpoint)
            }
        case .silent(let reason):
            .fault(
                "sentinels.reachable",
                reason,
                "start it, or give its name an address and reload nginx; with a majority of the others all continues, "
                    + "but without the next one nothing does"
            )
            .at(endpoint)
        case .refused(let reason):
            .fault(
                "sentinels.reachable",
                "it does not say which server is the primary: \(reason)",
                "check the name in latchkey_store, and the sentinels' user: docs/ACCESS.md"
            )
            .at(endpoint)
        }
    }
}

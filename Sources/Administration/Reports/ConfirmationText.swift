import Keyring

/// Formats whether a change is confirmed.
public enum ConfirmationText {
    /// Most workers that one line names.
    private static let namesMax = 8

    /// `Waiting for 1 of 4 nginx workers: web-1 (process 4711), at most 0.8 s`
    public static func progress(_ wait: BarrierProgress) -> String {
        let tenths = wait.remainingMilliseconds / 100
        let limit = "at most \(tenths / 10).\(tenths % 10) s"
        if wait.missingServers > 0 {
            return
                "Waiting for \(Counted(wait.missingServers, "more server")) to hold the change, \(limit)"
        }
        guard let first = wait.pending.first else {
            let what = wait.isFleetKnown ? "workers that the membership list may lack" : "the store"
            return "Waiting for \(what), \(limit)"
        }
        let others = wait.pending.count - 1
        let names = others == 0 ? name(first) : "\(name(first)) and \(others) more"
        return
            "Waiting for \(wait.pending.count) of \(Counted(wait.workers, "nginx worker")): \(names), \(limit)"
    }

    /// A line for each worker that was waited out.
    public static func notes(_ outcome: BarrierOutcome) -> [String] {
        outcome.expired.map { worker in
            worker.isTracking
                ? "nginx worker \(name(worker)) did not acknowledge the change; its lease has ended."
                : "nginx worker \(name(worker)) receives no invalidations; its lease has ended."
        }
    }

    /// `Held by 3 servers, on disk.`; none where the store is one server.
    public static func copies(_ outcome: BarrierOutcome) -> [String] {
        outcome.copies.map {
            "Held by \(Counted($0.count, "server"))\($0.isOnDisk ? ", on disk" : "")."
        }.map { [$0] } ?? []
    }

    /// The note for `--no-wait`.
    public static let notAwaited =
        "Redis notifies the nginx workers at once; their acknowledgements were not awaited."

    /// The error for a change that is not confirmed.
    ///
    /// - Parameters:
    ///   - change: What was done, as the beginning of a sentence.
    ///   - key: The key that may still be accepted.
    ///   - remedy: What to do if the store has lost the change.
    public static func error(
        for uncertainty: ConfirmationResult.Uncertainty,
        change: String,
        key: String,
        remedy: String
    ) -> AdministrationError {
        let reason =
            switch uncertainty {
            case .membershipUnknown(let reason):
                "it is uncertain which nginx workers may still accept \(key), and until when: \(reason)"
            case .unacknowledged(let outcome): reason(outcome, key)
            case .notReadBack(let reason): "the change could not be read back: \(reason)"
            case .primaryUnknown(let reason):
                "it is uncertain which server is the primary, and so whether nginx workers may still accept "
                    + "\(key): \(reason)"
            case .tooFewCopies(let held, let needed, let unlinked):
                "the change is held by \(Counted(held, "server")), \(Counted(needed).are) needed: a failover would bring "
                    + "the old key back"
                    + (unlinked.isEmpty ? "" : "; without a link to the primary: \(list(unlinked))")
            case .copiesUnknown(let reason):
                "it is uncertain how many servers hold the change, and whether a failover would bring the old key "
                    + "back: \(reason)"
            case .notAudited(let reason): "the change is not in the audit: \(reason)"
            case .incomplete(let reason):
                "its record is incomplete, and the change is not in the audit: \(reason); "
                    + "free memory in Redis, and then \(remedy)"
            case .undone: "the store no longer has the change: \(remedy)"
            }
        return AdministrationError(.unconfirmed, "\(change), but \(reason)")
    }

    private static func reason(_ outcome: BarrierOutcome, _ key: String) -> String {
        var reasons: [String] = []
        if !outcome.unacknowledged.isEmpty {
            reasons.append(unacknowledged(outcome.unacknowledged, key))
        }
        if let until = outcome.unlistedUntil {
            reasons.append(
                "nginx workers that are missing in the membership list may still accept \(key) until "
                    + TimeText.rfc3339(until)
            )
        }
        if !outcome.foreign.isEmpty {
            reasons.append(
                "it is uncertain until when nginx workers that ask other sentinels, and did not acknowledge it, "
                    + "may accept \(key): \(list(outcome.foreign.map { "\(name($0)), \($0.id)" })); use the same "
                    + "latchkey_store on all hosts, or, if they have ended, latchkey gateways --forget ID"
            )
        }
        if !outcome.unreadable.isEmpty {
            reasons.append(
                "it is uncertain until when members that cannot be read may accept \(key): "
                    + list(outcome.unreadable)
            )
        }
        if let fault = outcome.fault { reasons.append(fault) }
        let wait = outcome.isInterrupted ? "the wait was interrupted: " : ""
        return wait + reasons.joined(separator: "; ")
    }

    /// The workers that may accept the key for longest come first.
    private static func unacknowledged(_ workers: [BarrierOutcome.Unacknowledged], _ key: String)
        -> String
    {
        let sorted = workers.sorted { $1.until < $0.until }
        let names = sorted.map { "\(name($0.member)) until \(TimeText.rfc3339($0.until))" }
        return "nginx workers that did not acknowledge it may still accept \(key): \(list(names))"
    }

    private static func list(_ names: [String]) -> String { names.listed(max: namesMax) }

    private static func name(_ worker: Member) -> String {
        "\(worker.host) (process \(worker.processID))"
    }
}

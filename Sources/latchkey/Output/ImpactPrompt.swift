import Administration
import Keyring

/// The question that says what a change will do to the existing key.
struct ImpactPrompt {
    private let status: KeyStatus
    private let workers: Workers?
    private let now: UnixTime

    /// - Parameter workers: The running workers; `nil` if they are unknown.
    init(_ status: KeyStatus, workers: Workers?, now: UnixTime = SystemClock.unixTime()) {
        self.status = status
        self.workers = workers
        self.now = now
    }

    /// The question before a new key replaces it.
    func replacing(_ terms: KeyTerms) -> String {
        let what =
            terms.graceEnd(now).map {
                "This replaces the key of \(name), which stays valid until \(TimeText.moment($0))."
            } ?? "This immediately invalidates the key of \(name)\(place)."
        let expiry =
            terms.expiry(now).map { " The new key expires \(TimeText.moment($0))." } ?? ""
        return "\(what)\(expiry)\(previous) \(lastUse)"
    }

    /// The question before it is revoked.
    var revoking: String {
        "This permanently deletes the key of \(name)\(place).\(previous) \(lastUse)"
    }

    private var name: String { status.record.organization.name }

    private var lastUse: String { "Last used: \(TimeText.lastUse(status, now: now))." }

    private var place: String {
        workers.flatMap { $0.isEmpty ? nil : " at \($0)" } ?? ""
    }

    private var previous: String {
        status.previousUntil.map {
            " The previous key, which would stay valid for \(TimeText.until($0, now: now)), ends too."
        } ?? ""
    }
}

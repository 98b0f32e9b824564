import Administration
import Keyring

/// What a change will do to the key that is there, told before it is done.
struct Warning {
    private let status: KeyStatus
    private let gateways: Int?
    private let now: UnixTime

    /// - Parameter gateways: How many run; `nil` where that is not known.
    init(_ status: KeyStatus, gateways: Int?, now: UnixTime = SystemClock.unixTime()) {
        self.status = status
        self.gateways = gateways
        self.now = now
    }

    /// Before a new key takes its place.
    func replacing(graceMilliseconds grace: UInt64?) -> String {
        let what =
            grace.map {
                "This replaces the key of \(name), which goes on for \(TimeText.span(milliseconds: $0))."
            } ?? "This at once invalidates the key of \(name)\(place)."
        return "\(what)\(previous) \(lastUse)"
    }

    /// Before it is revoked.
    var revoking: String {
        "This deletes the key of \(name) for good\(place).\(previous) \(lastUse)"
    }

    private var name: String { status.record.organization.name }

    private var lastUse: String { "Last used: \(TimeText.lastUse(status.lastUse, now: now))." }

    private var place: String {
        switch gateways {
        case nil, 0: ""
        case 1: " at the gateway that runs"
        case let count?: " at the \(count) gateways that run"
        }
    }

    private var previous: String {
        status.previousUntil.map {
            " The key before it, which would go on for \(TimeText.until($0, now: now)), ends too."
        } ?? ""
    }
}

import Administration
import Keyring

/// Everything that a user reads, in one language. A text that is missing is an error of the compiler.
struct Texts: Sendable {
    let language: Language

    // Times

    /// `12 minutes ago`, or `just now`.
    let ago: @Sendable (TimeParts) -> String
    /// `in 12 minutes`, or `now`.
    let ahead: @Sendable (TimeParts) -> String
    /// `90 days`
    let span: @Sendable (TimeParts) -> String
    /// `1 November 2026`
    let date: @Sendable (CalendarTime) -> String
    /// `1 November 2026, 14:02:11 UTC`
    let moment: @Sendable (CalendarTime) -> String

    // Every page

    let heading: String
    /// Title of the page of an organization.
    let title: @Sendable (String) -> String
    /// Product, organization.
    let lead: @Sendable (String?, HTML) -> HTML
    let backTo: @Sendable (String) -> String
    let documentation: String

    // The key's facts

    let yourKey: String
    let status: String
    let active: String
    let expired: String
    let noKey: String
    let lastUsed: String
    let never: String
    let unknown: String
    let upToDate: String
    /// Seconds.
    let mayLack: @Sendable (UInt64) -> String
    let notAllAnswered: String
    let mayBePrevious: String
    let created: String
    /// Date, principal.
    let createdBy: @Sendable (HTML, String) -> HTML
    let expires: String
    let key: String

    // Notes

    /// `104 days`
    let rotationDue: @Sendable (String) -> String
    /// Count, `6 hours ago`.
    let refused: @Sendable (UInt64, String) -> String
    /// Moment.
    let previousValid: @Sendable (HTML) -> HTML

    // Actions

    let generate: String
    let generateNew: String
    let revokeHeading: String
    let revokeText: String
    let revoke: String
    let expiryChoice: String
    let noExpiry: String
    let graceChoice: String
    let noGrace: String
    let howItWorks: String
    let rules: [String]

    // Questions

    let generateQuestion: String
    let generateEffect: String
    let generateEffectChoice: String
    let generateAdvice: String
    let generateYes: String
    let revokeQuestion: String
    let revokeEffect: String
    let revokeAdvice: String
    let revokeYes: String
    let cancel: String
    /// `12 minutes ago`
    let wasLastUsed: @Sendable (HTML) -> HTML
    let wasNeverUsed: String
    let lastUseUnknown: String
    let working: String

    // The new key

    let newKey: String
    let copyItNow: HTML
    let copy: String
    let copied: String
    let pressToCopy: String
    let pressToCopyOnMac: String
    let useIt: String
    let stored: String
    /// Number of gateways, moment.
    let previousEnded: @Sendable (Int?, HTML) -> HTML
    /// Moment.
    let previousStays: @Sendable (HTML) -> HTML
    /// Moment.
    let revoked: @Sendable (HTML) -> HTML

    // Doubts

    let doubts: Doubts

    // Problems

    let problem: @Sendable (Problem) -> (title: String, detail: String)
    let notSignedIn: String
    let tryAgain: String
    let stillWorks: String
    /// Request ID.
    let request: @Sendable (String) -> String
    let failed: String

    /// What is uncertain about a change.
    struct Doubts: Sendable {
        let keyCreated: String
        let keyRevoked: String
        /// Gateways, until when.
        let unacknowledged: @Sendable (String, HTML) -> HTML
        /// Until when.
        let unlisted: @Sendable (HTML) -> HTML
        let unknown: HTML
        let notAudited: HTML
        let undone: HTML
        let mayBeLost: HTML
        /// `a, b and 3 more`
        let others: @Sendable (Int) -> String
    }
}

/// A number of the largest unit that fits.
struct TimeParts: Equatable, Sendable {
    enum Unit: Int, Sendable {
        case day, hour, minute, second
    }

    let unit: Unit
    let count: Int64

    private static let lengths: [(Unit, Int64)] = [
        (.day, 86_400_000), (.hour, 3_600_000), (.minute, 60_000), (.second, 1000),
    ]

    /// A span of time; 0 seconds if it is shorter than one, or negative.
    init(milliseconds: Int64) {
        let (unit, length) = Self.lengths.first { $0.1 <= milliseconds } ?? (.second, 1000)
        self.unit = unit
        count = max(0, milliseconds) / length
    }

    /// The span between two moments.
    init(from start: UnixTime, to end: UnixTime) {
        self.init(milliseconds: end.milliseconds - start.milliseconds)
    }
}

/// A moment as a calendar and a clock show it, in UTC.
struct CalendarTime: Equatable, Sendable {
    let year: Int
    /// From 1.
    let month: Int
    let day: Int
    /// `14:02:11`
    let clock: String

    init(_ time: UnixTime) {
        let text = TimeText.rfc3339(time)
        let numbers = text.prefix(10).split(separator: "-").map { Int($0) ?? 0 }
        year = numbers[0]
        month = min(max(numbers[1], 1), 12)
        day = numbers[2]
        clock = String(text.dropFirst(11).prefix(8))
    }
}

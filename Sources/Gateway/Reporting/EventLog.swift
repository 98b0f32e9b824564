import DequeModule
import RedisClient

/// Lines for the error log: at most one a second of each kind, with the number of suppressed ones.
///
/// The last line about a state must be true. A suppressed line that reports a state is therefore written
/// late, unless another state has been reported meanwhile.
public struct EventLog {
    /// The severity of a line.
    public enum Level: Sendable {
        case error
        case warning
        case notice
    }

    /// A line to be written.
    public struct Line: Sendable {
        /// Its severity.
        public let level: Level
        /// Printable ASCII, without keys or secrets.
        public let text: String
    }

    /// Lines of a kind are limited together.
    enum Kind: Int, CaseIterable {
        case storeLost
        case storeReady
        case trackingLost
        case trackingStarted
        case joinRefused
        case acknowledgementRefused
        case recordRefused
        case usesRefused
        case tooManyChecks
        case primaryFollowed
        case primaryUnknown
        case primaryNamed
        case sentinelSilent
        case sentinelReady
        case mapChanged
        case mapUnknown

        var level: Level {
            switch self {
            case .storeReady, .trackingStarted, .primaryFollowed, .primaryNamed, .sentinelReady,
                .mapChanged:
                .notice
            case .usesRefused, .tooManyChecks, .acknowledgementRefused, .sentinelSilent: .warning
            case .storeLost, .trackingLost, .recordRefused, .joinRefused, .primaryUnknown,
                .mapUnknown:
                .error
            }
        }

        /// The state that the line reports, if it reports one.
        var subject: Subject? {
            switch self {
            case .storeLost, .storeReady: .store
            case .trackingLost, .trackingStarted: .tracking
            case .primaryFollowed, .primaryUnknown, .primaryNamed: .primary
            case .mapChanged, .mapUnknown: .map
            case .joinRefused, .acknowledgementRefused, .recordRefused, .usesRefused,
                .tooManyChecks, .sentinelSilent, .sentinelReady:
                nil
            }
        }
    }

    /// What has a state.
    enum Subject: Int, CaseIterable {
        case store
        case tracking
        case primary
        case map
    }

    private struct Rate {
        var next = MonotonicTime.origin
        var suppressed = 0
    }

    private struct LateLine {
        let kind: Kind
        let text: String
    }

    private static let pauseMilliseconds: UInt64 = 1000

    private var rates = [Rate](repeating: Rate(), count: Kind.allCases.count)
    private var late = [LateLine?](repeating: nil, count: Subject.allCases.count)
    private var lines: Deque<Line> = []

    /// When ``writeLate(_:)`` has something to do.
    private(set) var due = MonotonicTime.never

    /// Logs an event. Its text is built only if it is written.
    mutating func note(_ kind: Kind, _ now: MonotonicTime, _ text: @autoclosure () -> String) {
        let isDue = rates[kind.rawValue].next <= now
        if let subject = kind.subject {
            late[subject.rawValue] = isDue ? nil : LateLine(kind: kind, text: text())
            findDue()
        }
        guard isDue else {
            rates[kind.rawValue].suppressed += 1
            return
        }
        write(kind, text(), suppressed: rates[kind.rawValue].suppressed, now)
    }

    /// Writes the late lines that are due.
    mutating func writeLate(_ now: MonotonicTime) {
        guard due <= now else { return }
        for subject in Subject.allCases {
            guard let line = late[subject.rawValue], rates[line.kind.rawValue].next <= now else {
                continue
            }
            late[subject.rawValue] = nil
            write(line.kind, line.text, suppressed: rates[line.kind.rawValue].suppressed - 1, now)
        }
        findDue()
    }

    /// The next line.
    mutating func next() -> Line? { lines.popFirst() }

    private mutating func findDue() {
        due = late.reduce(.never) { due, line in
            line.map { min(due, rates[$0.kind.rawValue].next) } ?? due
        }
    }

    private mutating func write(_ kind: Kind, _ text: String, suppressed: Int, _ now: MonotonicTime)
    {
        let remark =
            suppressed == 0 ? "" : " (\(suppressed) more lines of this kind were suppressed)"
        lines.append(Line(level: kind.level, text: text + remark))
        rates[kind.rawValue] = Rate(next: now.advanced(byMilliseconds: Self.pauseMilliseconds))
    }
}

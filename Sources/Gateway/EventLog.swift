import DequeModule
import RedisClient

/// Lines for the error log: of each kind at most one a second, with the number of those left out.
public struct EventLog {
    /// How grave a line is.
    public enum Level: Sendable {
        case error
        case warning
        case notice
    }

    /// A line to be written.
    public struct Line: Sendable {
        /// How grave it is.
        public let level: Level
        /// Printable ASCII without a key or secret.
        public let text: String
    }

    /// What lines are counted together.
    enum Kind: Int, CaseIterable {
        case storeLost
        case storeReady
        case newsLost
        case newsReady
        case entryRefused
        case confirmationRefused
        case recordRefused
        case usesRefused
        case tooManyChecks

        var level: Level {
            switch self {
            case .storeReady, .newsReady: .notice
            case .usesRefused, .tooManyChecks, .confirmationRefused: .warning
            case .storeLost, .newsLost, .recordRefused, .entryRefused: .error
            }
        }
    }

    private struct Rate {
        var next = MonotonicTime(nanoseconds: 0)
        var leftOut = 0
    }

    private static let pauseMilliseconds: UInt64 = 1000

    private var rates = [Rate](repeating: Rate(), count: Kind.allCases.count)
    private var lines: Deque<Line> = []

    /// Notes an event; its text is made only where it is written.
    mutating func note(_ kind: Kind, _ now: MonotonicTime, _ text: @autoclosure () -> String) {
        guard rates[kind.rawValue].next <= now else {
            rates[kind.rawValue].leftOut += 1
            return
        }
        let leftOut = rates[kind.rawValue].leftOut
        let remark = leftOut == 0 ? "" : " (\(leftOut) more lines of this kind were left out)"
        lines.append(Line(level: kind.level, text: text() + remark))
        rates[kind.rawValue] = Rate(next: now.advanced(byMilliseconds: Self.pauseMilliseconds))
    }

    /// Hands over the next line.
    mutating func next() -> Line? { lines.popFirst() }
}

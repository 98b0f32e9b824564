import DequeModule
import RedisClient

/// Lines for the error log: of each kind at most one a second, with the number of those left out.
///
/// How things stand must be the last word: of lines that tell it, the last one comes late rather
/// than never, unless another state has come first.
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
        case trackingLost
        case trackingStarted
        case joinRefused
        case acknowledgmentRefused
        case recordRefused
        case usesRefused
        case tooManyChecks

        var level: Level {
            switch self {
            case .storeReady, .trackingStarted: .notice
            case .usesRefused, .tooManyChecks, .acknowledgmentRefused: .warning
            case .storeLost, .trackingLost, .recordRefused, .joinRefused: .error
            }
        }

        /// Of what the line tells how it stands.
        var subject: Subject? {
            switch self {
            case .storeLost, .storeReady: .store
            case .trackingLost, .trackingStarted: .tracking
            case .joinRefused, .acknowledgmentRefused, .recordRefused, .usesRefused, .tooManyChecks:
                nil
            }
        }
    }

    /// What stands one way or another.
    enum Subject: Int, CaseIterable {
        case store
        case tracking
    }

    private struct Rate {
        var next = MonotonicTime.origin
        var leftOut = 0
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

    /// Notes an event; its text is made only where it is written.
    mutating func note(_ kind: Kind, _ now: MonotonicTime, _ text: @autoclosure () -> String) {
        let isDue = rates[kind.rawValue].next <= now
        if let subject = kind.subject {
            late[subject.rawValue] = isDue ? nil : LateLine(kind: kind, text: text())
            findDue()
        }
        guard isDue else {
            rates[kind.rawValue].leftOut += 1
            return
        }
        write(kind, text(), leftOut: rates[kind.rawValue].leftOut, now)
    }

    /// Writes what had to wait for its second to be over.
    mutating func writeLate(_ now: MonotonicTime) {
        guard due <= now else { return }
        for subject in Subject.allCases {
            guard let line = late[subject.rawValue], rates[line.kind.rawValue].next <= now else {
                continue
            }
            late[subject.rawValue] = nil
            write(line.kind, line.text, leftOut: rates[line.kind.rawValue].leftOut - 1, now)
        }
        findDue()
    }

    /// Hands over the next line.
    mutating func next() -> Line? { lines.popFirst() }

    private mutating func findDue() {
        due = late.reduce(.never) { due, line in
            line.map { min(due, rates[$0.kind.rawValue].next) } ?? due
        }
    }

    private mutating func write(_ kind: Kind, _ text: String, leftOut: Int, _ now: MonotonicTime) {
        let remark = leftOut == 0 ? "" : " (\(leftOut) more lines of this kind were left out)"
        lines.append(Line(level: kind.level, text: text + remark))
        rates[kind.rawValue] = Rate(next: now.advanced(byMilliseconds: Self.pauseMilliseconds))
    }
}

/// Counters, in the text format of Prometheus.
public struct ConsoleMetrics: Sendable {
    private struct Answer: Hashable {
        let route: String
        let status: Int
    }

    private struct Change: Hashable {
        let kind: ChangeKind
        let outcome: String
    }

    /// Upper bounds of the waits, in milliseconds.
    private static let bounds: [UInt64] = [10, 100, 1000, 10_000, 60_000]

    private var answers: [Answer: Int] = [:]
    private var changes: [Change: Int] = [:]
    private var waits = [Int](repeating: 0, count: bounds.count + 1)
    private var waitedMilliseconds: UInt64 = 0

    /// Nothing is counted yet.
    public init() {}

    /// Counts an answer.
    ///
    /// - Parameter route: `nil` if the path named nothing.
    public mutating func count(_ route: Route?, status: Int) {
        answers[Answer(route: route?.template ?? "none", status: status), default: 0] += 1
    }

    /// Counts a change, and how long it took.
    public mutating func count(_ change: ChangeKind, outcome: String, milliseconds: UInt64) {
        changes[Change(kind: change, outcome: outcome), default: 0] += 1
        waits[Self.bounds.firstIndex { milliseconds <= $0 } ?? Self.bounds.count] += 1
        waitedMilliseconds += min(milliseconds, 3_600_000)
    }

    /// All counters.
    ///
    /// - Parameter waiting: Number of requests that wait for a thread.
    public func text(waiting: Int) -> String {
        var lines = ["# TYPE latchkey_console_requests_total counter"]
        lines += answers.sorted { ($0.key.route, $0.key.status) < ($1.key.route, $1.key.status) }
            .map { answer, count in
                "latchkey_console_requests_total{route=\"\(answer.route)\",status=\"\(answer.status)\"} "
                    + "\(count)"
            }
        lines.append("# TYPE latchkey_console_changes_total counter")
        lines += changes.sorted {
            ($0.key.kind.rawValue, $0.key.outcome) < ($1.key.kind.rawValue, $1.key.outcome)
        }
        .map { change, count in
            "latchkey_console_changes_total{what=\"\(change.kind.rawValue)\",outcome=\"\(change.outcome)\"} "
                + "\(count)"
        }
        lines.append("# TYPE latchkey_console_wait_seconds histogram")
        var sum = 0
        for (index, count) in waits.enumerated() {
            sum += count
            let bound = index < Self.bounds.count ? Self.seconds(Self.bounds[index]) : "+Inf"
            lines.append("latchkey_console_wait_seconds_bucket{le=\"\(bound)\"} \(sum)")
        }
        lines += [
            "latchkey_console_wait_seconds_sum \(Self.seconds(waitedMilliseconds))",
            "latchkey_console_wait_seconds_count \(sum)",
            "# TYPE latchkey_console_pool_waiting gauge",
            "latchkey_console_pool_waiting \(waiting)",
        ]
        return lines.joined(separator: "\n") + "\n"
    }

    private static func seconds(_ milliseconds: UInt64) -> String {
        let rest = String(milliseconds % 1000)
        return "\(milliseconds / 1000).\(String(repeating: "0", count: 3 - rest.count))\(rest)"
    }
}

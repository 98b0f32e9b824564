/// What happened in a world, for those who want to read it, and what should not have.
final class Story {
    private let isTold: Bool
    private let linesMax: Int
    private var lines: [String] = []

    /// The first promise that was broken.
    private(set) var violation: String?

    /// - Parameters:
    ///   - isTold: Whether anybody reads it; it costs a lot of time.
    ///   - linesMax: How many of the last lines are kept.
    init(isTold: Bool = false, linesMax: Int = 100) {
        self.isTold = isTold
        self.linesMax = linesMax
    }

    func tell(_ text: @autoclosure () -> String, at time: Nanoseconds) {
        guard isTold, violation == nil else { return }
        lines.append("\(Self.milliseconds(time)) \(text())")
        if lines.count > 2 * linesMax { lines.removeFirst(linesMax) }
    }

    func broke(_ text: String, at time: Nanoseconds) {
        guard violation == nil else { return }
        tell("BROKEN: \(text)", at: time)
        violation = text
    }

    /// The last lines.
    var text: String { lines.suffix(linesMax).joined(separator: "\n") }

    private static func milliseconds(_ time: Nanoseconds) -> String {
        let microseconds = String(1_000_000_000 + time / 1000 % 1_000_000_000).dropFirst()
        let whole = String(microseconds.dropLast(3)).drop { $0 == "0" }
        let padded = String(repeating: " ", count: 6 - whole.count) + whole
        return "\(padded).\(microseconds.suffix(3))ms"
    }
}

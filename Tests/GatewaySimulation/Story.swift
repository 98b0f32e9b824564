/// A readable log of a world, and its first violation.
final class Story {
    private let isRecorded: Bool
    private let linesMax: Int
    private var lines: [String] = []

    /// The first promise that was broken.
    private(set) var violation: String?

    /// - Parameters:
    ///   - isRecorded: Whether to keep lines; this takes a lot of time.
    ///   - linesMax: The number of last lines to keep.
    init(isRecorded: Bool = false, linesMax: Int = 100) {
        self.isRecorded = isRecorded
        self.linesMax = linesMax
    }

    func log(_ text: @autoclosure () -> String, at time: Nanoseconds) {
        guard isRecorded, violation == nil else { return }
        lines.append("\(Self.milliseconds(time)) \(text())")
        if lines.count > 2 * linesMax { lines.removeFirst(linesMax) }
    }

    func fail(_ text: String, at time: Nanoseconds) {
        guard violation == nil else { return }
        log("BROKEN: \(text)", at: time)
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

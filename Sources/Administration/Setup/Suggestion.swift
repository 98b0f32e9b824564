/// Finds the name that a mistyped one may have meant.
public enum Suggestion {
    /// Most edits in a mistyped name.
    private static let distanceMax = 2

    /// The name nearest to a text; `nil` if none is near. The text itself does not count.
    public static func nearest(to text: String, among names: some Sequence<String>) -> String? {
        names.lazy
            .compactMap { name in distance(to: text, of: name).map { (distance: $0, name: name) } }
            .min { ($0.distance, $0.name) < ($1.distance, $1.name) }?
            .name
    }

    /// The edit distance of a name from a text; `nil` if it is not near.
    static func distance(to text: String, of name: String) -> Int? {
        let limit = min(distanceMax, text.utf8.count / 2)
        guard name != text, abs(name.utf8.count - text.utf8.count) <= limit else { return nil }
        let distance = distance(Array(text.utf8), Array(name.utf8))
        return distance <= limit ? distance : nil
    }

    /// Number of insertions, deletions, replacements and exchanges of neighbours.
    private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var rows = [Array(0...right.count)]
        for row in 1..<left.count + 1 {
            var next = [row]
            for column in 1..<right.count + 1 {
                let isSame = left[row - 1] == right[column - 1]
                var best = min(
                    rows[row - 1][column] + 1,
                    next[column - 1] + 1,
                    rows[row - 1][column - 1] + (isSame ? 0 : 1)
                )
                if row > 1, column > 1, left[row - 1] == right[column - 2],
                    left[row - 2] == right[column - 1]
                {
                    best = min(best, rows[row - 2][column - 2] + 1)
                }
                next.append(best)
            }
            rows.append(next)
        }
        return rows[left.count][right.count]
    }
}

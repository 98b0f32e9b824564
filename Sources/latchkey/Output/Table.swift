import Glibc

/// Formats cells: in columns under a header on a terminal, otherwise separated by tabs.
enum Table {
    static func text(
        header: [String],
        rows: [[String]],
        isTerminal: Bool = ANSIStyle.isTerminal(STDOUT_FILENO)
    ) -> String {
        isTerminal
            ? columns([header] + rows) : rows.map { $0.joined(separator: "\t") + "\n" }.joined()
    }

    /// Columns are separated by two spaces. No line ends with spaces.
    static func columns(_ rows: [[String]]) -> String {
        let count = rows.map(\.count).max() ?? 0
        let widths = (0..<count).map { column in
            rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        return rows.map { line($0, widths) + "\n" }.joined()
    }

    private static func line(_ cells: [String], _ widths: [Int]) -> String {
        let padded = zip(cells, widths).dropLast().map { cell, width in
            cell + String(repeating: " ", count: width - cell.count + 2)
        }
        return padded.joined() + (cells.last ?? "")
    }
}

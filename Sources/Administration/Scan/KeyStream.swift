import KeyFormat

/// Finds keys, and the lines on which they begin, in bytes that arrive piece by piece. A key may extend
/// over several pieces. Keeps only the end of the previous piece.
struct KeyStream {
    private static let overlap = KeySearch.lengthMax - 1

    /// The possible beginning of a key.
    private var rest: [UInt8] = []

    /// Number of lines that ended before the next piece.
    private var lines = 0

    /// Searches the next piece, and calls `body` for each key that ends in it, with its line.
    mutating func search(
        _ piece: UnsafeRawBufferPointer,
        _ body: (KeySearch.Match, Int, UnsafeRawBufferPointer) -> Void
    ) {
        if !rest.isEmpty { searchSeam(piece, body) }
        var counted = 0
        KeySearch.forEach(in: piece) { match in
            lines += Self.lineEnds(in: piece[counted..<match.range.lowerBound])
            counted = match.range.lowerBound
            body(match, lines + 1, UnsafeRawBufferPointer(rebasing: piece[match.range]))
        }
        lines += Self.lineEnds(in: piece[counted...])
        if piece.count < Self.overlap {
            rest = Array((rest + piece).suffix(Self.overlap))
        } else {
            rest = Array(piece.suffix(Self.overlap))
        }
    }

    /// Finds keys that begin in earlier pieces and end in this one.
    private func searchSeam(
        _ piece: UnsafeRawBufferPointer,
        _ body: (KeySearch.Match, Int, UnsafeRawBufferPointer) -> Void
    ) {
        let seam = rest + piece.prefix(Self.overlap)
        seam.withUnsafeBufferPointer { bytes in
            let seam = UnsafeRawBufferPointer(bytes)
            KeySearch.forEach(in: seam) { match in
                let range = match.range
                guard range.lowerBound < rest.count, range.upperBound > rest.count else { return }
                let line = lines - Self.lineEnds(in: seam[range.lowerBound..<rest.count]) + 1
                body(match, line, UnsafeRawBufferPointer(rebasing: seam[range]))
            }
        }
    }

    private static func lineEnds(in text: Slice<UnsafeRawBufferPointer>) -> Int {
        var count = 0
        for byte in UnsafeRawBufferPointer(rebasing: text) where byte == UInt8(ascii: "\n") {
            count &+= 1
        }
        return count
    }
}

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
    mutating func search<Failure: Error>(
        _ piece: UnsafeRawBufferPointer,
        _ body: (KeySearch.Match, Int, UnsafeRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) {
        if !rest.isEmpty { try searchSeam(piece, body) }
        var counted = 0
        try KeySearch.forEach(in: piece) { match throws(Failure) in
            lines += Self.lineEnds(in: piece[counted..<match.range.lowerBound])
            counted = match.range.lowerBound
            try body(match, lines + 1, UnsafeRawBufferPointer(rebasing: piece[match.range]))
        }
        lines += Self.lineEnds(in: piece[counted...])
        if piece.count < Self.overlap {
            rest = Array((rest + piece).suffix(Self.overlap))
        } else {
            rest = Array(piece.suffix(Self.overlap))
        }
    }

    /// Finds keys that begin in earlier pieces and end in this one.
    private func searchSeam<Failure: Error>(
        _ piece: UnsafeRawBufferPointer,
        _ body: (KeySearch.Match, Int, UnsafeRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) {
        let seam = rest + piece.prefix(Self.overlap)
        try seam.withUnsafeBufferPointer { bytes throws(Failure) in
            let seam = UnsafeRawBufferPointer(bytes)
            try KeySearch.forEach(in: seam) { match throws(Failure) in
                let range = match.range
                guard range.lowerBound < rest.count, range.upperBound > rest.count else { return }
                let line = lines - Self.lineEnds(in: seam[range.lowerBound..<rest.count]) + 1
                try body(match, line, UnsafeRawBufferPointer(rebasing: seam[range]))
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

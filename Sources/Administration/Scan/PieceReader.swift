import Glibc

/// Reads a descriptor by lines and by lengths, with a buffer that does not grow.
final class PieceReader {
    private static let capacity = 1 << 18

    private let descriptor: Int32
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 16)
    private var waiting = 0..<0

    /// Why reading ended, where that was not the end.
    private(set) var fault: Int32?

    init(_ descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit {
        memset(buffer.baseAddress!, 0, buffer.count)
        buffer.deallocate()
    }

    /// All that is left, piece by piece.
    func readAll(_ body: (UnsafeRawBufferPointer) -> Void) {
        while let piece = piece(atMost: Self.capacity) { body(piece) }
    }

    /// So many bytes, piece by piece. Whether all were there.
    func read(_ count: Int, _ body: (UnsafeRawBufferPointer) -> Void) -> Bool {
        var left = count
        while left > 0 {
            guard let piece = piece(atMost: left) else { return false }
            left -= piece.count
            body(piece)
        }
        return true
    }

    /// A line without its end; of one that is too long, its beginning.
    func line() -> String? {
        var line: [UInt8] = []
        var isOver = false
        while !isOver {
            guard !waiting.isEmpty || fill() else {
                return line.isEmpty ? nil : String(decoding: line, as: UTF8.self)
            }
            let bytes = UnsafeRawBufferPointer(rebasing: buffer[waiting])
            let end = bytes.firstIndex(of: UInt8(ascii: "\n"))
            if line.count < Self.capacity { line += bytes[..<(end ?? bytes.count)] }
            waiting = waiting.lowerBound + (end.map { $0 + 1 } ?? bytes.count)..<waiting.upperBound
            isOver = end != nil
        }
        return String(decoding: line, as: UTF8.self)
    }

    private func piece(atMost count: Int) -> UnsafeRawBufferPointer? {
        guard !waiting.isEmpty || fill() else { return nil }
        let end = min(waiting.upperBound, waiting.lowerBound + count)
        let piece = UnsafeRawBufferPointer(rebasing: buffer[waiting.lowerBound..<end])
        waiting = end..<waiting.upperBound
        return piece
    }

    private func fill() -> Bool {
        while true {
            let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            if count < 0, errno == EINTR { continue }
            if count < 0 { fault = errno }
            waiting = 0..<max(0, count)
            return count > 0
        }
    }
}

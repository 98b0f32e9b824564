import Glibc

/// Reads lines and counted bytes from a descriptor, with a buffer that does not grow. The buffer is
/// wiped: it may have held keys.
final class PieceReader {
    private static let capacity = 1 << 18

    private let descriptor: Int32
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 16)
    private var unread = 0..<0

    /// The `errno` that ended reading; `nil` at the end of the file.
    private(set) var fault: Int32?

    init(_ descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit {
        memset(buffer.baseAddress!, 0, buffer.count)
        buffer.deallocate()
    }

    /// Reads the rest, piece by piece.
    func readAll(_ body: (UnsafeRawBufferPointer) -> Void) {
        while let piece = piece(atMost: Self.capacity) { body(piece) }
    }

    /// Reads a number of bytes, piece by piece. Returns `false` if there are fewer.
    func read(_ count: Int, _ body: (UnsafeRawBufferPointer) -> Void) -> Bool {
        var left = count
        while left > 0 {
            guard let piece = piece(atMost: left) else { return false }
            left -= piece.count
            body(piece)
        }
        return true
    }

    /// Reads a line without its newline, or the beginning of a line that is too long.
    func line() -> String? {
        var line: [UInt8] = []
        var isOver = false
        while !isOver {
            guard !unread.isEmpty || fill() else {
                return line.isEmpty ? nil : String(decoding: line, as: UTF8.self)
            }
            let bytes = UnsafeRawBufferPointer(rebasing: buffer[unread])
            let end = bytes.firstIndex(of: UInt8(ascii: "\n"))
            if line.count < Self.capacity { line += bytes[..<(end ?? bytes.count)] }
            unread = unread.lowerBound + (end.map { $0 + 1 } ?? bytes.count)..<unread.upperBound
            isOver = end != nil
        }
        return String(decoding: line, as: UTF8.self)
    }

    private func piece(atMost count: Int) -> UnsafeRawBufferPointer? {
        guard !unread.isEmpty || fill() else { return nil }
        let end = min(unread.upperBound, unread.lowerBound + count)
        let piece = UnsafeRawBufferPointer(rebasing: buffer[unread.lowerBound..<end])
        unread = end..<unread.upperBound
        return piece
    }

    private func fill() -> Bool {
        while true {
            let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            if count < 0, errno == EINTR { continue }
            if count < 0 { fault = errno }
            unread = 0..<max(0, count)
            return count > 0
        }
    }
}

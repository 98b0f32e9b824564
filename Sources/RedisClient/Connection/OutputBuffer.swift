/// Bytes to be written to a connection. Drained bytes are wiped: they may hold a password.
struct OutputBuffer {
    /// Room for a whole handshake: reallocation would leave a copy of the password behind.
    private static let capacity = 4096

    /// Drained bytes that may accumulate before the rest is moved to the front.
    private static let drainedMax = 65_536

    private var bytes: [UInt8] = []
    private var drained = 0

    init() {
        bytes.reserveCapacity(Self.capacity)
    }

    var isEmpty: Bool { drained == bytes.count }

    mutating func append(_ more: UnsafeRawBufferPointer) {
        bytes.append(contentsOf: more)
    }

    mutating func append(_ command: RedisCommand) {
        RESPEncoder.append(command, to: &bytes)
    }

    /// Moves as many bytes as fit into a buffer; returns their number.
    mutating func drain(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        let count = min(buffer.count, bytes.count - drained)
        guard count > 0 else { return 0 }
        bytes.withUnsafeMutableBytes { bytes in
            let part = UnsafeMutableRawBufferPointer(rebasing: bytes[drained..<drained + count])
            buffer.copyMemory(from: UnsafeRawBufferPointer(part))
            wipe(part)
        }
        drained += count
        if isEmpty {
            empty()
        } else if drained > Self.drainedMax, drained > bytes.count / 2 {
            bytes.removeFirst(drained)
            drained = 0
        }
        return count
    }

    mutating func removeAll() {
        bytes.withUnsafeMutableBytes { RedisClient.wipe($0) }
        empty()
    }

    /// Expects all bytes to be wiped.
    private mutating func empty() {
        bytes.removeAll(keepingCapacity: true)
        drained = 0
    }
}

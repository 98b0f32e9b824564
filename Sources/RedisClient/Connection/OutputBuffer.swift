/// Bytes that wait to be written to a connection. What has been taken is wiped: it may hold a
/// password.
struct OutputBuffer {
    /// Room for what begins a connection, so that a password is never moved, which would leave a
    /// copy.
    private static let capacity = 4096

    /// Taken bytes that are kept before the rest is moved to the front.
    private static let takenMax = 65_536

    private var bytes: [UInt8] = []
    private var taken = 0

    init() {
        bytes.reserveCapacity(Self.capacity)
    }

    var isEmpty: Bool { taken == bytes.count }

    mutating func append(_ more: UnsafeRawBufferPointer) {
        bytes.append(contentsOf: more)
    }

    mutating func append(_ command: RedisCommand) {
        RESPEncoder.append(command, to: &bytes)
    }

    /// Moves as many bytes as fit into a buffer; returns their number.
    mutating func take(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        let count = min(buffer.count, bytes.count - taken)
        guard count > 0 else { return 0 }
        bytes.withUnsafeMutableBytes { bytes in
            let part = UnsafeMutableRawBufferPointer(rebasing: bytes[taken..<taken + count])
            buffer.copyMemory(from: UnsafeRawBufferPointer(part))
            wipe(part)
        }
        taken += count
        if isEmpty {
            empty()
        } else if taken > Self.takenMax, taken > bytes.count / 2 {
            bytes.removeFirst(taken)
            taken = 0
        }
        return count
    }

    mutating func removeAll() {
        bytes.withUnsafeMutableBytes { RedisClient.wipe($0) }
        empty()
    }

    /// Begins anew where all has been wiped.
    private mutating func empty() {
        bytes.removeAll(keepingCapacity: true)
        taken = 0
    }
}

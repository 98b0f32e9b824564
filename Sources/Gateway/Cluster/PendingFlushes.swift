import Keyring
import RedisClient

/// Flushes in a cluster: they are acknowledged once all uses are written, because connections to two nodes have no order,
/// and the slot of the uses may have moved.
struct PendingFlushes {
    /// More than are in progress at a time.
    private static let countMax = 256

    /// How often one command is sent on.
    private static let redirectionsMax = 3

    private struct Flush {
        let signal: Signal
        /// The commands that are still to be carried out.
        var commands: [CommandTag.Purpose: RedisCommand]
        var redirections = 0
    }

    private var flushes: [UInt64: Flush] = [:]
    private var last: UInt64 = 0

    /// Adds a flush; the number that the tags of its commands carry.
    mutating func add(_ signal: Signal, _ commands: [(RedisCommand, CommandTag.Purpose)]) -> UInt64
    {
        last += 1
        if flushes.count >= Self.countMax, let oldest = flushes.keys.min() {
            flushes[oldest] = nil
        }
        let byPurpose = Dictionary(commands.map { ($1, $0) }, uniquingKeysWith: { $1 })
        flushes[last] = Flush(signal: signal, commands: byPurpose)
        return last
    }

    /// A command was carried out. Returns the signal if it was the last one.
    mutating func answered(_ tag: CommandTag) -> Signal? {
        guard let purpose = tag.purpose, var flush = flushes[tag.number] else { return nil }
        flush.commands[purpose] = nil
        flushes[tag.number] = flush.commands.isEmpty ? nil : flush
        return flush.commands.isEmpty ? flush.signal : nil
    }

    /// A command belongs to another server. Returns it, unless it has been sent on too often.
    mutating func redirected(_ tag: CommandTag) -> RedisCommand? {
        guard let purpose = tag.purpose, let flush = flushes[tag.number],
            flush.redirections < Self.redirectionsMax
        else { return nil }
        flushes[tag.number]?.redirections += 1
        return flush.commands[purpose]
    }

    /// A command was not carried out: the flush is not acknowledged. Whoever asked repeats it.
    mutating func failed(_ tag: CommandTag) {
        flushes[tag.number] = nil
    }
}

import Keyring

/// Flushes whose uses belong to another node than the record: they are acknowledged once that has answered, because
/// connections to two nodes have no order.
struct PendingFlushes {
    /// More than are in progress at a time.
    private static let countMax = 256

    private struct Flush {
        let signal: Signal
        /// Answers that are still to come.
        var expected: Int
    }

    private var flushes: [UInt64: Flush] = [:]
    private var last: UInt64 = 0

    /// Adds a flush; the number that the tags of its commands carry.
    mutating func add(_ signal: Signal, commandCount: Int) -> UInt64 {
        last += 1
        if flushes.count >= Self.countMax, let oldest = flushes.keys.min() {
            flushes[oldest] = nil
        }
        flushes[last] = Flush(signal: signal, expected: commandCount)
        return last
    }

    /// A command was carried out. Returns the signal if it was the last one.
    mutating func answered(_ number: UInt64) -> Signal? {
        guard var flush = flushes[number] else { return nil }
        flush.expected -= 1
        flushes[number] = flush.expected > 0 ? flush : nil
        return flush.expected > 0 ? nil : flush.signal
    }

    /// A command was not carried out: the flush is not acknowledged. Whoever asked repeats it.
    mutating func failed(_ number: UInt64) {
        flushes[number] = nil
    }
}

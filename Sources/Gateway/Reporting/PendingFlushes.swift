import Keyring
import RedisClient

/// Flushes are acknowledged once all uses are written: the store may refuse them, and in a cluster connections to two
/// nodes have no order, and the slot of the uses may have moved.
struct PendingFlushes {
    /// More than are in progress at a time.
    private static let countMax = 256

    /// How often the commands of one flush are sent on.
    private static let redirectionsMax = 3

    private struct Flush {
        let signal: Signal
        /// Where the signal came from.
        let place: Int
        /// The commands that are still to be carried out, by number.
        var commands: [UInt64: RedisCommand]
        var redirections = 0
    }

    private var flushes: [Flush] = []
    private var last: UInt64 = 0

    /// Whether the signal has arrived before, and its commands have not been answered.
    func contains(_ signal: Signal) -> Bool { flushes.contains { $0.signal == signal } }

    /// Adds a flush. Returns its commands with the numbers that their tags carry.
    mutating func add(_ signal: Signal, from place: Int, _ commands: [RedisCommand])
        -> [(UInt64, RedisCommand)]
    {
        if flushes.count >= Self.countMax { flushes.removeFirst() }
        let numbered = commands.enumerated().map { (last + 1 + UInt64($0), $1) }
        last += UInt64(commands.count)
        let open = Dictionary(uniqueKeysWithValues: numbered)
        flushes.append(Flush(signal: signal, place: place, commands: open))
        return numbered
    }

    /// A command was carried out. Returns the signal, and where it came from, if it was the last one.
    mutating func answered(_ number: UInt64) -> (Signal, from: Int)? {
        guard let index = index(number) else { return nil }
        flushes[index].commands[number] = nil
        guard flushes[index].commands.isEmpty else { return nil }
        let flush = flushes.remove(at: index)
        return (flush.signal, flush.place)
    }

    /// A command belongs to another server. Returns it, unless the flush has been sent on too often.
    mutating func redirected(_ number: UInt64) -> RedisCommand? {
        guard let index = index(number), flushes[index].redirections < Self.redirectionsMax
        else { return nil }
        flushes[index].redirections += 1
        return flushes[index].commands[number]
    }

    /// A command was not executed, so the flush is not acknowledged. Its sender repeats it.
    mutating func failed(_ number: UInt64) {
        if let index = index(number) { flushes.remove(at: index) }
    }

    private func index(_ number: UInt64) -> Int? {
        flushes.firstIndex { $0.commands[number] != nil }
    }
}

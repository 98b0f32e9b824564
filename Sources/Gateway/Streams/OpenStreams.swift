import KeyFormat
import Keyring

/// Requests that were let in and are open, so that each ends with its key.
///
/// A stream is found by its organization; to open and close one moves a few numbers and allocates
/// nothing that was not there before.
struct OpenStreams {
    /// Names a stream: a slot, and how often the slot was used before.
    struct Handle: Equatable {
        fileprivate let slot: Int
        fileprivate let generation: UInt32
    }

    private enum State {
        case free
        case open
        /// Its key has ended; the caller has not been told.
        case ended
    }

    private struct Slot {
        var state = State.free
        var generation: UInt32 = 1
        var request: UInt
        var locator: Locator
        var key: UInt64
        var until: UnixTime?
    }

    private static let chainCount = 4096

    private var slots: [Slot] = []
    private var freeSlots: [Int] = []
    private var chains = SlotChains(count: chainCount)
    private var ended: [Handle] = []

    /// Streams whose key ends by itself.
    private var limitedCount = 0

    /// Organizations whose record has to be read, because it may have changed.
    private var unconfirmed: Set<Locator> = []

    /// Number of open streams.
    private(set) var count = 0
}

// MARK: - The caller's requests

extension OpenStreams {
    /// Notes an open request.
    ///
    /// - Parameters:
    ///   - key: The mark of the verifier of the key that let it in.
    ///   - until: When that key ends by itself.
    mutating func open(_ request: UInt, _ locator: Locator, key: UInt64, until: UnixTime?)
        -> Handle
    {
        var stream = Slot(request: request, locator: locator, key: key, until: until)
        stream.state = .open
        let slot = freeSlots.popLast() ?? slots.count
        if slot == slots.count {
            slots.append(stream)
        } else {
            stream.generation = slots[slot].generation
            slots[slot] = stream
        }
        chains.add(slot, locator)
        count += 1
        if until != nil { limitedCount += 1 }
        return Handle(slot: slot, generation: slots[slot].generation)
    }

    /// Forgets a request that has ended; unknown handles do no harm.
    mutating func close(_ handle: Handle) {
        guard slots.indices.contains(handle.slot),
            slots[handle.slot].generation == handle.generation
        else { return }
        if slots[handle.slot].state == .open { unlink(handle.slot) }
        release(handle.slot)
    }

    /// The next request that is to be ended.
    mutating func nextEnded() -> UInt? {
        while let handle = ended.popLast() {
            guard slots[handle.slot].generation == handle.generation else { continue }
            release(handle.slot)
            return slots[handle.slot].request
        }
        return nil
    }

    private mutating func release(_ slot: Int) {
        slots[slot].state = .free
        slots[slot].generation = max(1, slots[slot].generation &+ 1)
        freeSlots.append(slot)
    }

    private mutating func unlink(_ slot: Int) {
        chains.remove(slot, slots[slot].locator)
        count -= 1
        if slots[slot].until != nil { limitedCount -= 1 }
    }
}

// MARK: - What becomes of their keys

extension OpenStreams {
    /// A record may have changed: it has to be read where streams depend on it.
    mutating func doubt(_ locator: Locator) {
        guard count > 0 else { return }
        let hasStream = chains.first(locator) { slots[$0].locator == locator } != nil
        if hasStream { unconfirmed.insert(locator) }
    }

    /// Any record may have changed.
    mutating func doubtAll() {
        for slot in slots where slot.state == .open { unconfirmed.insert(slot.locator) }
    }

    /// Whether there are records to be read.
    var hasDoubts: Bool { !unconfirmed.isEmpty }

    /// Takes the organizations whose records are to be read now, in an order that does not depend on
    /// where in memory they stood.
    mutating func takeDoubts() -> [Locator] {
        defer { unconfirmed.removeAll(keepingCapacity: true) }
        return unconfirmed.sorted { $0.tableHash < $1.tableHash }
    }

    /// Ends the streams of an organization whose keys do not count any more.
    mutating func settle(_ locator: Locator, _ keys: AcceptedKeys?, at now: UnixTime) {
        guard count > 0 else { return }
        var next = chains.first(locator)
        while let slot = next {
            next = chains.next(slot)
            if slots[slot].locator == locator { settle(slot, keys, at: now) }
        }
    }

    private mutating func settle(_ slot: Int, _ keys: AcceptedKeys?, at now: UnixTime) {
        let key = [keys?.active, keys?.previous].lazy.compactMap { $0 }
            .first { [stream = slots[slot]] in $0.verifier.keyID == stream.key }
        if let key, key.until.map({ now < $0 }) ?? true {
            limitedCount += (key.until != nil ? 1 : 0) - (slots[slot].until != nil ? 1 : 0)
            slots[slot].until = key.until
        } else {
            end(slot)
        }
    }

    /// Whether there are streams whose key ends by itself.
    var hasLimited: Bool { limitedCount > 0 }

    /// Ends the streams whose key has ended by itself.
    mutating func endExpired(at now: UnixTime) {
        for slot in slots.indices where slots[slot].state == .open {
            if let until = slots[slot].until, until <= now { end(slot) }
        }
    }

    private mutating func end(_ slot: Int) {
        unlink(slot)
        slots[slot].state = .ended
        ended.append(Handle(slot: slot, generation: slots[slot].generation))
    }
}

extension OpenStreams.Handle {
    /// The handle as a number, never 0.
    var number: UInt64 { UInt64(generation) << 32 | UInt64(slot) }

    /// The handle that a number stands for, whether or not it was ever given out.
    init(number: UInt64) {
        generation = UInt32(truncatingIfNeeded: number >> 32)
        slot = Int(UInt32(truncatingIfNeeded: number))
    }
}

import KeyFormat
import Keyring

/// Admitted requests that are still open, by organization.
///
/// To open and close one moves a few numbers; memory is reused.
struct OpenStreams {
    /// Identifies a stream: a slot, and how often it was used before.
    struct Handle: Equatable {
        fileprivate let slot: Int
        fileprivate let generation: UInt32
    }

    private enum State {
        case free
        case open
        /// Its key has ended; it has not been handed out yet.
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

    /// Number of streams whose key expires.
    private var expiringCount = 0

    /// Organizations whose records may have changed.
    private var stale: Set<Locator> = []

    /// Number of open streams.
    private(set) var count = 0
}

// MARK: - The caller's requests

extension OpenStreams {
    /// Adds an open request.
    ///
    /// - Parameters:
    ///   - key: The ID of the key that admitted it.
    ///   - until: When that key expires.
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
        if until != nil { expiringCount += 1 }
        return Handle(slot: slot, generation: slots[slot].generation)
    }

    /// Removes a request that has ended. Unknown handles are ignored.
    mutating func close(_ handle: Handle) {
        guard slots.indices.contains(handle.slot),
            slots[handle.slot].generation == handle.generation
        else { return }
        if slots[handle.slot].state == .open { unlink(handle.slot) }
        release(handle.slot)
    }

    /// The next request to be ended; its stream is closed with that.
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
        if slots[slot].until != nil { expiringCount -= 1 }
    }
}

// MARK: - Their keys

extension OpenStreams {
    /// A record may have changed: it is to be read if streams depend on it.
    mutating func markStale(_ locator: Locator) {
        guard count > 0 else { return }
        let hasStream = chains.first(locator) { slots[$0].locator == locator } != nil
        if hasStream { stale.insert(locator) }
    }

    /// Any record may have changed.
    mutating func markAllStale() {
        for slot in slots where slot.state == .open { stale.insert(slot.locator) }
    }

    /// Whether records are to be read.
    var hasStale: Bool { !stale.isEmpty }

    /// Removes the organizations whose records are to be read now, in an order that does not depend
    /// on memory addresses.
    mutating func dequeueStale() -> [Locator] {
        defer { stale.removeAll(keepingCapacity: true) }
        return stale.sorted { $0.tableHash < $1.tableHash }
    }

    /// Ends the streams of an organization whose keys its record no longer accepts.
    mutating func update(_ locator: Locator, _ keys: AcceptedKeys?, at now: UnixTime) {
        guard count > 0 else { return }
        var next = chains.first(locator)
        while let slot = next {
            next = chains.next(slot)
            if slots[slot].locator == locator { update(slot, keys, at: now) }
        }
    }

    private mutating func update(_ slot: Int, _ keys: AcceptedKeys?, at now: UnixTime) {
        let key = [keys?.active, keys?.previous].lazy.compactMap { $0 }
            .first { [stream = slots[slot]] in $0.verifier.keyID == stream.key }
        if let key, key.until.map({ now < $0 }) ?? true {
            expiringCount += (key.until != nil ? 1 : 0) - (slots[slot].until != nil ? 1 : 0)
            slots[slot].until = key.until
        } else {
            end(slot)
        }
    }

    /// Whether there are streams whose key expires.
    var hasExpiring: Bool { expiringCount > 0 }

    /// Ends the streams whose key has expired.
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

    /// The handle with a number, which may never have been issued.
    init(number: UInt64) {
        generation = UInt32(truncatingIfNeeded: number >> 32)
        slot = Int(UInt32(truncatingIfNeeded: number))
    }
}

import KeyFormat
import Keyring

/// Admitted requests that are still open, by organization.
///
/// To open and close one moves a few numbers; memory is reused.
struct OpenStreams {
    typealias Handle = SlotTable<Stream>.Handle

    struct Stream {
        fileprivate let request: UInt
        fileprivate let locator: Locator
        fileprivate let key: UInt64
        fileprivate var until: UnixTime?
        /// Whether its key has ended; it has not been handed out yet.
        fileprivate var hasEnded = false
    }

    private static let chainCount = 4096

    private var streams = SlotTable<Stream>()
    private var chains = SlotChains(count: chainCount)
    private var ended: [Handle] = []

    /// Number of streams whose key expires.
    private var expiringCount = 0

    /// Organizations whose records may have changed.
    private var stale: Set<Locator> = []

    /// Whether any record may have changed.
    private var areAllStale = false

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
        let handle = streams.insert(
            Stream(request: request, locator: locator, key: key, until: until)
        )
        chains.add(handle.slot, locator)
        count += 1
        if until != nil { expiringCount += 1 }
        return handle
    }

    /// Removes a request that has ended. Unknown handles are ignored.
    mutating func close(_ handle: Handle) {
        guard streams.contains(handle) else { return }
        if !streams[handle.slot].hasEnded { unlink(handle.slot) }
        streams.remove(handle.slot)
    }

    /// The next request to be ended; its stream is closed with that.
    mutating func nextEnded() -> UInt? {
        while let handle = ended.popLast() {
            guard streams.contains(handle) else { continue }
            let request = streams[handle.slot].request
            streams.remove(handle.slot)
            return request
        }
        return nil
    }

    private mutating func unlink(_ slot: Int) {
        chains.remove(slot, streams[slot].locator)
        count -= 1
        if streams[slot].until != nil { expiringCount -= 1 }
    }
}

// MARK: - Their keys

extension OpenStreams {
    /// Whether an organization has open requests.
    func contains(_ locator: Locator) -> Bool {
        count > 0 && chains.first(locator) { streams[$0].locator == locator } != nil
    }

    /// A record may have changed: it is to be read if streams depend on it.
    mutating func markStale(_ locator: Locator) {
        if contains(locator) { stale.insert(locator) }
    }

    /// Certain records may have changed: they are to be read if streams depend on them.
    mutating func markStale(_ isStale: (Locator) -> Bool) {
        guard count > 0, !areAllStale else { return }
        for slot in openSlots where isStale(streams[slot].locator) {
            stale.insert(streams[slot].locator)
        }
    }

    /// Any record may have changed.
    mutating func markAllStale() {
        areAllStale = count > 0
    }

    /// Whether records are to be read.
    var hasStale: Bool { areAllStale || !stale.isEmpty }

    /// Removes the organizations whose records are to be read now, in an order that does not depend
    /// on memory addresses.
    mutating func dequeueStale() -> [Locator] {
        defer { stale.removeAll(keepingCapacity: true) }
        if areAllStale {
            for slot in openSlots { stale.insert(streams[slot].locator) }
            areAllStale = false
        }
        return stale.sorted { $0.tableHash < $1.tableHash }
    }

    /// Ends the streams of an organization whose keys its record no longer accepts.
    mutating func update(_ locator: Locator, _ keys: AcceptedKeys?, at now: UnixTime) {
        guard count > 0 else { return }
        var next = chains.first(locator)
        while let slot = next {
            next = chains.next(slot)
            if streams[slot].locator == locator { update(slot, keys, at: now) }
        }
    }

    private mutating func update(_ slot: Int, _ keys: AcceptedKeys?, at now: UnixTime) {
        let key = [keys?.active, keys?.previous].lazy.compactMap { $0 }
            .first { [stream = streams[slot]] in $0.verifier.keyID == stream.key }
        if let key, key.until.map({ now < $0 }) ?? true {
            expiringCount += (key.until != nil ? 1 : 0) - (streams[slot].until != nil ? 1 : 0)
            streams[slot].until = key.until
        } else {
            end(slot)
        }
    }

    /// Whether there are streams whose key expires.
    var hasExpiring: Bool { expiringCount > 0 }

    /// Ends the streams whose key has expired.
    mutating func endExpired(at now: UnixTime) {
        for slot in openSlots {
            if let until = streams[slot].until, until <= now { end(slot) }
        }
    }

    private mutating func end(_ slot: Int) {
        unlink(slot)
        streams[slot].hasEnded = true
        ended.append(streams.handle(slot))
    }

    private var openSlots: [Int] { streams.usedSlots.filter { !streams[$0].hasEnded } }
}

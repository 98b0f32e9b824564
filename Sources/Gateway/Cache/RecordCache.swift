import Glibc
import KeyFormat
import Keyring
import RedisClient

/// A worker's cache of records: of each what decides about its keys.
///
/// An invalidated record keeps its slot. Its version stays, so that an older record that somebody puts
/// back is noticed. Nothing here reads a clock.
final class RecordCache {
    /// Two cache lines. A recognized key needs the first one only.
    private struct Record {
        var locator: Locator
        var fingerprint = Fingerprint.none
        var until = never
        var lastUse: Int64 = 0
        var version: UInt64 = 0
        var verifier = Verifier.none
        var name = ShortName(repeating: 0)
        var nameLength: UInt8 = 0
    }

    /// Longer names are rare and stored elsewhere.
    private typealias ShortName = InlineArray<47, UInt8>

    /// Apart from the records, in a word each.
    private struct State {
        var flags: Flags = []
        /// The store node that the record is from.
        var node: UInt8 = 0
        /// The node's epoch in which it was stored; 0 if it is invalid.
        var epoch: UInt16 = 0
    }

    private struct Flags: OptionSet {
        let rawValue: UInt8
        static let visited = Flags(rawValue: 2)
        /// There is a last use that has not been written.
        static let used = Flags(rawValue: 4)
        /// The organization has an active key.
        static let active = Flags(rawValue: 8)
        /// The previous key stays valid for a while.
        static let previous = Flags(rawValue: 16)
        /// The fingerprint is that of the active key.
        static let verified = Flags(rawValue: 32)
    }

    /// What a lookup found.
    struct Hit {
        /// For ``noteUse(_:at:)``.
        let slot: Int
        /// The keys that the record accepts; `nil` if there is no record.
        let keys: AcceptedKeys?
    }

    private static let never = Int64.max

    private let countMax: Int
    private let nodeCount: UInt8
    private let recordMemory: HugePages
    private let records: UnsafeMutablePointer<Record>
    private let states: UnsafeMutablePointer<State>
    /// The current epoch of each node. The records of an earlier one are invalid.
    private let epochs: UnsafeMutablePointer<UInt16>
    private let trust: NodeTrust
    private let slotLists: SlotLists?
    private var previousKeys: [Int: AcceptedKeys.Key] = [:]
    private var longNames: [Int: Organization] = [:]
    private var index: CacheIndex
    private var queue: EvictionQueue
    private var dirtySlots: DirtySlots

    /// Number of records, valid or not.
    private(set) var count = 0

    /// Number of records that were evicted.
    private(set) var evictionCount: UInt64 = 0

    /// Number of last uses that have not been written.
    private(set) var usesCount = 0

    #if CANARIES
        /// Recognizes replaced keys.
        var recognizesReplaced = false
        /// Compares versions that different nodes have given.
        var comparesAllVersions = false
    #endif

    /// - Parameters:
    ///   - countMax: Most records that are cached. Unused slots cost no memory.
    ///   - nodeCount: Store nodes that records may be from.
    ///   - hasSlots: Whether records may be forgotten by their slots in a cluster.
    init(countMax: Int, nodeCount: UInt8, hasSlots: Bool) {
        self.countMax = max(countMax, 1)
        self.nodeCount = nodeCount
        recordMemory = HugePages(byteCount: self.countMax * MemoryLayout<Record>.stride)
        records = recordMemory.start.bindMemory(to: Record.self, capacity: self.countMax)
        states = .allocate(capacity: self.countMax)
        epochs = .allocate(capacity: Int(nodeCount))
        epochs.initialize(repeating: 1, count: Int(nodeCount))
        trust = NodeTrust(nodeCount: nodeCount)
        slotLists = hasSlots ? SlotLists(countMax: self.countMax) : nil
        index = CacheIndex(countMax: self.countMax)
        queue = EvictionQueue(countMax: self.countMax)
        dirtySlots = DirtySlots(countMax: self.countMax)
    }

    deinit {
        states.deallocate()
        epochs.deallocate()
    }
}

// MARK: - Trust

extension RecordCache {
    /// Sets until when the records of a node decide.
    func setTrust(of nodes: Range<UInt8>, _ lease: NodeLease) {
        for node in nodes { trust.set(node, lease) }
    }

    /// Until when a slot's record decides although the store could be asked.
    @inline(__always)
    func trustedUntil(_ slot: Int) -> MonotonicTime { trust.trustedUntil(states[slot].node) }

    /// Until when a slot's record decides where the store cannot be asked.
    func usableUntil(_ slot: Int) -> MonotonicTime { trust.usableUntil(states[slot].node) }
}

// MARK: - Lookup

extension RecordCache {
    /// Looks up a slot's valid record; `nil` where the store has to be asked.
    @inline(__always)
    func lookup(_ slot: Int) -> Hit? {
        guard isValid(slot) else { return nil }
        if !states[slot].flags.contains(.visited) { states[slot].flags.insert(.visited) }
        return Hit(slot: slot, keys: keys(slot))
    }

    /// Looks up a locator's valid record.
    @inline(__always)
    func lookup(_ locator: Locator) -> Hit? { slot(of: locator).flatMap { lookup($0) } }

    /// Whether a locator's record is valid.
    @inline(__always)
    func holds(_ locator: Locator) -> Bool { slot(of: locator).map(isValid) ?? false }

    /// Whether a locator's record is valid and accepts a key, for as long as it did before.
    func contains(_ locator: Locator, accepting key: Decision.StreamKey) -> Bool {
        guard let slot = slot(of: locator), isValid(slot), let keys = keys(slot)
        else { return false }
        return keys.active.is(key) || keys.previous?.is(key) == true
    }

    /// The newest proven version of a locator's record that a node has given; 0 if there is none.
    func version(of locator: Locator, from node: UInt8 = 0) -> UInt64 {
        slot(of: locator).map { version($0, from: node) } ?? 0
    }

    private func version(_ slot: Int, from node: UInt8) -> UInt64 {
        #if CANARIES
            if comparesAllVersions { return records[slot].version }
        #endif
        return states[slot].node == node ? records[slot].version : 0
    }

    /// A locator's slot, whether or not its record is valid.
    @inline(__always)
    func slot(of locator: Locator) -> Int? {
        index.slot(of: locator) { records[$0].locator }
    }

    @inline(__always)
    private func isValid(_ slot: Int) -> Bool {
        states[slot].epoch == epochs[Int(states[slot].node)]
    }

    @inline(__always)
    private func keys(_ slot: Int) -> AcceptedKeys? {
        guard states[slot].flags.contains(.active) else { return nil }
        let until = records[slot].until
        return AcceptedKeys(
            organization: organization(slot),
            active: .init(
                verifier: records[slot].verifier,
                until: until == Self.never ? nil : UnixTime(milliseconds: until)
            ),
            previous: states[slot].flags.contains(.previous) ? previousKeys[slot] : nil
        )
    }

    @inline(__always)
    private func organization(_ slot: Int) -> Organization {
        let length = Int(records[slot].nameLength)
        if length > ShortName.count, let organization = longNames[slot] { return organization }
        var storage = Organization.Storage(repeating: 0)
        withUnsafeMutableBytes(of: &storage) { storage in
            withUnsafeBytes(of: records[slot].name) { storage.copyMemory(from: $0) }
        }
        return Organization(storage: storage, length: length)
    }
}

// MARK: - Recognizing

extension RecordCache {
    /// A recognized key that is valid.
    struct Recognition {
        let locator: Locator
        let organization: Organization
        let streamKey: Decision.StreamKey
    }

    /// Whether a fingerprint is that of a record's active key, whether or not the record is valid.
    @inline(__always)
    func isVerified(_ slot: Int, _ fingerprint: Fingerprint) -> Bool {
        states[slot].flags.isSuperset(of: [.active, .verified])
            && records[slot].fingerprint == fingerprint
    }

    /// A record's recognized key.
    func verifiedKey(_ slot: Int) -> VerifiedKey {
        VerifiedKey(
            issued: .init(locator: records[slot].locator, verifier: records[slot].verifier),
            fingerprint: records[slot].fingerprint
        )
    }

    /// Admits a record's recognized key and notes its use; `nil` where the record is invalid or the
    /// key has expired. This is the fast path of ``Gatekeeper/check(_:request:at:)``: it decides as
    /// ``Decision/compared(_:with:from:at:)`` would,
    /// without building the keys.
    @inline(__always)
    func admit(_ slot: Int, at now: UnixTime) -> Recognition? {
        guard isValid(slot), now.milliseconds < records[slot].until else {
            return nil
        }
        if !states[slot].flags.contains(.visited) { states[slot].flags.insert(.visited) }
        noteUse(slot, at: now)
        let until = records[slot].until
        return Recognition(
            locator: records[slot].locator,
            organization: organization(slot),
            streamKey: .init(
                keyID: records[slot].verifier.keyID,
                until: until == Self.never ? nil : UnixTime(milliseconds: until)
            )
        )
    }

    /// Recognizes a verified key from now on, for as long as it is the active one. Returns `false`
    /// where it is not.
    func remember(_ key: VerifiedKey) -> Bool {
        guard let slot = slot(of: key.locator), states[slot].flags.contains(.active),
            records[slot].verifier == key.issued.verifier
        else { return false }
        records[slot].fingerprint = key.fingerprint
        states[slot].flags.insert(.verified)
        return true
    }
}

// MARK: - Store and invalidate

extension RecordCache {
    /// A last use that is not written yet.
    typealias Use = (locator: Locator, at: UnixTime)

    /// Stores the record of a locator. Returns the last use of the record that is evicted for it.
    ///
    /// - Parameters:
    ///   - version: The record's version, where the seal proves it.
    ///   - node: The store node that the record is from.
    @discardableResult
    func store(
        _ keys: AcceptedKeys?,
        version: UInt64?,
        for locator: Locator,
        from node: UInt8 = 0
    ) -> Use? {
        let (slot, lostUse) = slot(of: locator).map { ($0, nil) } ?? occupy(locator)
        records[slot].version = max(self.version(slot, from: node), version ?? 0)
        if endsRecognition(of: slot, keys) { states[slot].flags.remove(.verified) }
        states[slot].flags.subtract([.active, .previous])
        states[slot].node = node
        states[slot].epoch = epochs[Int(node)]
        previousKeys[slot] = keys?.previous
        guard let keys else { return lostUse }
        states[slot].flags.insert(keys.previous == nil ? .active : [.active, .previous])
        records[slot].verifier = keys.active.verifier
        records[slot].until = keys.active.until?.milliseconds ?? Self.never
        setName(slot, keys.organization)
        return lostUse
    }

    private func endsRecognition(of slot: Int, _ keys: AcceptedKeys?) -> Bool {
        #if CANARIES
            if recognizesReplaced { return false }
        #endif
        return keys?.active.verifier != records[slot].verifier
    }

    private func setName(_ slot: Int, _ organization: Organization) {
        records[slot].nameLength = UInt8(organization.length)
        longNames[slot] = organization.length > ShortName.count ? organization : nil
        withUnsafeBytes(of: organization.storage) { storage in
            withUnsafeMutableBytes(of: &records[slot].name) { name in
                name.copyMemory(from: UnsafeRawBufferPointer(rebasing: storage[..<name.count]))
            }
        }
    }

    /// The records in these slots of a cluster may have changed.
    func invalidate(in slots: SlotSet) {
        for slot in slots { slotLists?.forEach(in: slot) { states[$0].epoch = 0 } }
    }

    /// A locator's record has changed.
    func invalidate(_ locator: Locator) {
        if let slot = slot(of: locator) { states[slot].epoch = 0 }
    }

    /// Any record of any node may have changed.
    func invalidateAllNodes() {
        for node in 0..<nodeCount { invalidateAll(of: node) }
    }

    /// A node takes over a number: nothing is known of it.
    func begin(node: UInt8) {
        for slot in 0..<count where states[slot].node == node {
            states[slot].epoch = 0
            records[slot].version = 0
        }
    }

    /// Any record of a node may have changed.
    func invalidateAll(of node: UInt8 = 0) {
        epochs[Int(node)] &+= 1
        if epochs[Int(node)] == 0 { beginEpochs(of: node) }
    }

    /// All epochs are used up: their records are invalidated one by one.
    private func beginEpochs(of node: UInt8) {
        for slot in 0..<count where states[slot].node == node { states[slot].epoch = 0 }
        epochs[Int(node)] = 1
    }

    private func occupy(_ locator: Locator) -> (slot: Int, lostUse: Use?) {
        let (slot, lostUse) = count < countMax ? addSlot() : vacate()
        records.advanced(by: slot).initialize(to: Record(locator: locator))
        index.insert(locator, slot: slot)
        queue.append(slot)
        slotLists?.add(slot, Slot(of: locator))
        return (slot, lostUse)
    }

    private func addSlot() -> (slot: Int, lostUse: Use?) {
        states.advanced(by: count).initialize(to: State())
        defer { count += 1 }
        return (count, nil)
    }

    private func vacate() -> (slot: Int, lostUse: Use?) {
        let slot = queue.evict { slot in
            defer { states[slot].flags.remove(.visited) }
            return states[slot].flags.contains(.visited)
        }
        evictionCount &+= 1
        slotLists?.remove(slot, Slot(of: records[slot].locator))
        index.remove(records[slot].locator) { records[$0].locator }
        previousKeys[slot] = nil
        longNames[slot] = nil
        let lostUse = removeUse(slot)
        states[slot].flags = []
        states[slot].epoch = 0
        return (slot, lostUse)
    }
}

// MARK: - Last uses

extension RecordCache {
    /// Notes that a key of a record was used.
    @inline(__always)
    func noteUse(_ slot: Int, at now: UnixTime) {
        records[slot].lastUse = now.milliseconds
        if !states[slot].flags.contains(.used) { noteFirstUse(slot) }
    }

    private func noteFirstUse(_ slot: Int) {
        usesCount += 1
        dirtySlots.add(slot, shard: Keyspace.shard(of: records[slot].locator))
        states[slot].flags.insert(.used)
    }

    /// The last use of a record, if it has not been written.
    func unwrittenUse(of locator: Locator) -> UnixTime? {
        guard let slot = slot(of: locator), states[slot].flags.contains(.used) else { return nil }
        return UnixTime(milliseconds: records[slot].lastUse)
    }

    /// Number of last uses in some shards that have not been written.
    func usesCount(where isIncluded: (UInt8) -> Bool) -> Int {
        dirtySlots.count(where: isIncluded)
    }

    /// Hands out at most `countMax` last uses to be written, and continues from there the next time.
    /// Returns whether the end was reached, after which it starts over.
    ///
    /// - Parameter isWritable: Whether the uses of a shard can be written now; the others stay.
    func dequeueUses(_ countMax: Int, _ isWritable: (UInt8) -> Bool, _ body: (Use) -> Void) -> Bool
    {
        var left = countMax
        var isEndReached = false
        while left > 0, usesCount > 0 {
            if let use = dirtySlots.next(isWritable).flatMap(removeUse) {
                body(use)
                left -= 1
            } else if isEndReached || left < countMax {
                return true
            } else {
                isEndReached = true
            }
        }
        return isEndReached || usesCount == 0
    }

    private func removeUse(_ slot: Int) -> Use? {
        guard states[slot].flags.contains(.used) else { return nil }
        states[slot].flags.remove(.used)
        usesCount -= 1
        dirtySlots.remove(slot, shard: Keyspace.shard(of: records[slot].locator))
        return (records[slot].locator, UnixTime(milliseconds: records[slot].lastUse))
    }
}

extension AcceptedKeys.Key {
    fileprivate func `is`(_ key: Decision.StreamKey) -> Bool {
        verifier.keyID == key.keyID && until == key.until
    }
}

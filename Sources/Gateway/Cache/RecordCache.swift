import Glibc
import KeyFormat
import Keyring

/// Records that a worker knows: what of each decides about keys, at most so many.
///
/// A record that has changed is not removed, only not known any more: its version is remembered, so
/// that an earlier one that somebody puts back is recognised. Nothing here looks at a clock.
final class RecordCache {
    /// Two cache lines; what a key that is recognized does not need stands in the second one.
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

    /// Longer names stand elsewhere: they are few.
    private typealias ShortName = InlineArray<47, UInt8>

    /// Apart from the records, so that all can be looked at or forgotten quickly.
    private struct Flags: OptionSet {
        let rawValue: UInt8
        /// What the record says is what the store has.
        static let known = Flags(rawValue: 1)
        static let visited = Flags(rawValue: 2)
        /// There is a last use that has not been taken.
        static let used = Flags(rawValue: 4)
        /// There is an active key.
        static let active = Flags(rawValue: 8)
        /// There is a key before that goes on for a while.
        static let previous = Flags(rawValue: 16)
        /// The fingerprint is that of a text that was verified as the active key.
        static let verified = Flags(rawValue: 32)
        /// The record is as it was when its stamp was taken, known or not.
        static let stamped = Flags(rawValue: 64)
        /// The slot stands among the used ones, whether or not the use has been taken meanwhile.
        static let queued = Flags(rawValue: 128)
    }

    /// What is known of an organization's keys.
    struct Knowledge {
        /// Where it stands, for ``noteUse(_:at:)``.
        let slot: Int
        /// The keys that count, if there are any.
        let keys: AcceptedKeys?
    }

    private static let never = Int64.max

    private let countMax: Int
    private let recordMemory: HugePages
    private let records: UnsafeMutablePointer<Record>
    private let flags: UnsafeMutablePointer<Flags>
    private let stampMemory: HugePages
    /// Read only where known records are not trusted: apart, so as not to be in the way. Each is a
    /// cache line.
    private let stamps: UnsafeMutablePointer<RecordStamp>
    private var previousKeys: [Int: AcceptedKeys.Key] = [:]
    private var longNames: [Int: Organization] = [:]
    private var index: CacheIndex
    private var queue: EvictionQueue
    private var usedSlots: DirtySlots

    /// Number of records, known or remembered.
    private(set) var count = 0

    /// Number of records that were given up for others.
    private(set) var evictionCount: UInt64 = 0

    /// Number of last uses that have not been taken.
    private(set) var usesCount = 0

    #if CANARIES
        /// Goes on recognizing a key that was replaced.
        var recognizesReplaced = false
        /// Takes any active record for the one that was proven.
        var believesAnyStamp = false
    #endif

    /// - Parameter countMax: Most records that are kept. Those that have not come yet cost no
    ///   memory.
    init(countMax: Int) {
        self.countMax = max(countMax, 1)
        recordMemory = HugePages(byteCount: self.countMax * MemoryLayout<Record>.stride)
        records = recordMemory.start.bindMemory(to: Record.self, capacity: self.countMax)
        flags = .allocate(capacity: self.countMax)
        stampMemory = HugePages(byteCount: self.countMax * MemoryLayout<RecordStamp>.stride)
        stamps = stampMemory.start.bindMemory(to: RecordStamp.self, capacity: self.countMax)
        index = CacheIndex(countMax: self.countMax)
        queue = EvictionQueue(countMax: self.countMax)
        usedSlots = DirtySlots(countMax: self.countMax)
    }

    deinit {
        flags.deallocate()
    }
}

// MARK: - Asking

extension RecordCache {
    /// What is known of a locator's keys; `nil` where the store has to be asked.
    @inline(__always)
    func knowledge(of locator: Locator) -> Knowledge? {
        guard let slot = slot(of: locator), flags[slot].contains(.known) else { return nil }
        if !flags[slot].contains(.visited) { flags[slot].insert(.visited) }
        return Knowledge(slot: slot, keys: keys(slot))
    }

    /// Whether a locator's record is known.
    func knows(_ locator: Locator) -> Bool {
        slot(of: locator).map { flags[$0].contains(.known) } ?? false
    }

    /// Whether a locator's record is known to let a key in, and for as long as it is said.
    func knows(_ locator: Locator, accepting key: Decision.StreamKey) -> Bool {
        guard let slot = slot(of: locator), flags[slot].contains(.known), let keys = keys(slot)
        else { return false }
        return keys.active.is(key) || keys.previous?.is(key) == true
    }

    /// The latest proven version of a locator's record that is remembered; 0 where none is.
    func version(of locator: Locator) -> UInt64 {
        slot(of: locator).map { records[$0].version } ?? 0
    }

    /// Where a locator's record stands, known or not.
    @inline(__always)
    func slot(of locator: Locator) -> Int? {
        index.slot(of: locator) { records[$0].locator }
    }

    @inline(__always)
    private func keys(_ slot: Int) -> AcceptedKeys? {
        guard flags[slot].contains(.active) else { return nil }
        let until = records[slot].until
        return AcceptedKeys(
            organization: organization(slot),
            active: .init(
                verifier: records[slot].verifier,
                until: until == Self.never ? nil : UnixTime(milliseconds: until)
            ),
            previous: flags[slot].contains(.previous) ? previousKeys[slot] : nil
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
    /// A key that was verified before, and that counts.
    struct Recognition {
        let locator: Locator
        let organization: Organization
        let streamKey: Decision.StreamKey
    }

    /// Whether a record's active key was verified from a text with this fingerprint, whether or not
    /// the record is known now.
    @inline(__always)
    func isVerified(_ slot: Int, _ fingerprint: Fingerprint) -> Bool {
        flags[slot].isSuperset(of: [.active, .verified])
            && records[slot].fingerprint == fingerprint
    }

    /// The key that was verified.
    func verifiedKey(_ slot: Int) -> VerifiedKey {
        VerifiedKey(
            issued: .init(locator: records[slot].locator, verifier: records[slot].verifier),
            fingerprint: records[slot].fingerprint
        )
    }

    /// Lets in the key that was verified, where the record is known and the key counts, and notes
    /// its use.
    @inline(__always)
    func admit(_ slot: Int, at now: UnixTime) -> Recognition? {
        guard flags[slot].contains(.known), now.milliseconds < records[slot].until else {
            return nil
        }
        if !flags[slot].contains(.visited) { flags[slot].insert(.visited) }
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

    /// A text was verified as a locator's key: it is recognized from now on, for as long as that is
    /// the active key. Returns `false` where it is not.
    func remember(_ key: VerifiedKey) -> Bool {
        guard let slot = slot(of: key.locator), flags[slot].contains(.active),
            records[slot].verifier == key.issued.verifier
        else { return false }
        records[slot].fingerprint = key.fingerprint
        flags[slot].insert(.verified)
        return true
    }
}

// MARK: - Stamps

extension RecordCache {
    /// Whether a locator's record can be known again by its stamp.
    func hasStamp(_ locator: Locator) -> Bool {
        slot(of: locator).map { flags[$0].contains(.stamped) } ?? false
    }

    /// The keys of the record that has a stamp; `nil` where the cache has none with it.
    func keys(ofStamped locator: Locator, _ stamp: RecordStamp) -> AcceptedKeys? {
        guard let slot = slot(of: locator), flags[slot].contains(.stamped),
            isStamp(stamp, of: slot)
        else { return nil }
        return keys(slot)
    }

    private func isStamp(_ stamp: RecordStamp, of slot: Int) -> Bool {
        #if CANARIES
            if believesAnyStamp { return true }
        #endif
        return stamps[slot] == stamp
    }

    /// What the cache has for a locator is what the store has.
    func confirm(_ locator: Locator) {
        if let slot = slot(of: locator) { flags[slot].insert([.known, .visited]) }
    }

    /// The record is not what it was.
    func dropStamp(_ locator: Locator) {
        if let slot = slot(of: locator) { flags[slot].remove(.stamped) }
    }
}

// MARK: - Learning and forgetting

extension RecordCache {
    /// A use that would be lost because its record is given up.
    typealias Use = (locator: Locator, at: UnixTime)

    /// Keeps what the store has for a locator. Returns the last use of the record that is given up
    /// for it.
    ///
    /// - Parameters:
    ///   - version: The record's version, where the seal proves it.
    ///   - stamp: By what the record is known again, where it is active.
    @discardableResult
    func keep(
        _ keys: AcceptedKeys?,
        version: UInt64?,
        stamp: RecordStamp? = nil,
        for locator: Locator
    ) -> Use? {
        let (slot, lostUse) = slot(of: locator).map { ($0, nil) } ?? occupy(locator)
        records[slot].version = max(records[slot].version, version ?? 0)
        if endsRecognition(of: slot, keys) { flags[slot].remove(.verified) }
        flags[slot].subtract([.active, .previous, .stamped])
        flags[slot].insert(.known)
        previousKeys[slot] = keys?.previous
        guard let keys else { return lostUse }
        flags[slot].insert(keys.previous == nil ? .active : [.active, .previous])
        records[slot].verifier = keys.active.verifier
        records[slot].until = keys.active.until?.milliseconds ?? Self.never
        setName(slot, keys.organization)
        guard let stamp else { return lostUse }
        flags[slot].insert(.stamped)
        stamps.advanced(by: slot).initialize(to: stamp)
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

    /// A locator's record has changed: what was known of it does not count any more.
    func forget(_ locator: Locator) {
        if let slot = slot(of: locator) { flags[slot].subtract([.known, .stamped]) }
    }

    /// Nothing that was known counts any more.
    func forgetAll() {
        for slot in 0..<count { flags[slot].remove(.known) }
    }

    private func occupy(_ locator: Locator) -> (slot: Int, lostUse: Use?) {
        let (slot, lostUse) = count < countMax ? addSlot() : vacate()
        records.advanced(by: slot).initialize(to: Record(locator: locator))
        index.insert(locator, slot: slot)
        queue.append(slot)
        return (slot, lostUse)
    }

    private func addSlot() -> (slot: Int, lostUse: Use?) {
        flags.advanced(by: count).initialize(to: [])
        defer { count += 1 }
        return (count, nil)
    }

    private func vacate() -> (slot: Int, lostUse: Use?) {
        let slot = queue.evict { slot in
            defer { flags[slot].remove(.visited) }
            return flags[slot].contains(.visited)
        }
        evictionCount &+= 1
        index.remove(records[slot].locator) { records[$0].locator }
        previousKeys[slot] = nil
        longNames[slot] = nil
        let lostUse = takeUse(slot)
        flags[slot].formIntersection(.queued)
        return (slot, lostUse)
    }
}

// MARK: - Last uses

extension RecordCache {
    /// Notes that a key of a record was used; returns `false` where the cache does not have it.
    func noteUse(of locator: Locator, at now: UnixTime) -> Bool {
        guard let slot = slot(of: locator) else { return false }
        noteUse(slot, at: now)
        return true
    }

    /// Notes that a key of a record was used.
    @inline(__always)
    func noteUse(_ slot: Int, at now: UnixTime) {
        records[slot].lastUse = now.milliseconds
        if !flags[slot].contains(.used) { noteFirstUse(slot) }
    }

    private func noteFirstUse(_ slot: Int) {
        usesCount += 1
        if !flags[slot].contains(.queued) {
            usedSlots.add(slot, shard: Keyspace.shard(of: records[slot].locator))
        }
        flags[slot].insert([.used, .queued])
    }

    /// The last use of a record that has not been taken.
    func unwrittenUse(of locator: Locator) -> UnixTime? {
        guard let slot = slot(of: locator), flags[slot].contains(.used) else { return nil }
        return UnixTime(milliseconds: records[slot].lastUse)
    }

    /// Takes at most so many last uses, and goes on from there the next time. Returns whether the
    /// end was reached: behind it, it begins anew.
    func takeUses(_ countMax: Int, _ body: (Use) -> Void) -> Bool {
        var left = countMax
        var isEndReached = false
        while left > 0, usesCount > 0 {
            guard let slot = usedSlots.next() else {
                isEndReached = true
                if left < countMax { break } else { continue }
            }
            flags[slot].remove(.queued)
            guard let use = takeUse(slot) else { continue }
            body(use)
            left -= 1
        }
        return isEndReached || usesCount == 0
    }

    private func takeUse(_ slot: Int) -> Use? {
        guard flags[slot].contains(.used) else { return nil }
        flags[slot].remove(.used)
        usesCount -= 1
        return (records[slot].locator, UnixTime(milliseconds: records[slot].lastUse))
    }
}

extension AcceptedKeys.Key {
    fileprivate func `is`(_ key: Decision.StreamKey) -> Bool {
        verifier.keyID == key.keyID && until == key.until
    }
}

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

        static let alignment = 64
    }

    /// Longer names stand elsewhere: they are few.
    private typealias ShortName = InlineArray<48, UInt8>

    /// Apart from the records, so that all can be looked at or forgotten quickly.
    private struct Mark: OptionSet {
        let rawValue: UInt8
        /// What the record says is what the store has.
        static let known = Mark(rawValue: 1)
        static let visited = Mark(rawValue: 2)
        /// There is a last use that has not been taken.
        static let used = Mark(rawValue: 4)
        /// There is an active key.
        static let active = Mark(rawValue: 8)
        /// There is a key before that goes on for a while.
        static let previous = Mark(rawValue: 16)
        /// The fingerprint is that of a text that was verified as the active key.
        static let verified = Mark(rawValue: 32)

        /// What a key needs to be let in by its fingerprint.
        static let recognizable: Mark = [.known, .active, .verified]
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
    private let records: UnsafeMutablePointer<Record>
    private let marks: UnsafeMutablePointer<Mark>
    private let nameLengths: UnsafeMutablePointer<UInt8>
    private var previousKeys: [Int: AcceptedKeys.Key] = [:]
    private var longNames: [Int: Organization] = [:]
    private var index: CacheIndex
    private var queue: EvictionQueue

    /// Number of records, known or remembered.
    private(set) var count = 0

    /// Number of records that were given up for others.
    private(set) var evictionCount: UInt64 = 0

    /// Number of last uses that have not been taken.
    private(set) var usesCount = 0

    /// Where the search for uses goes on.
    private var usesPosition = 0

    /// - Parameter countMax: Most records that are kept. Those that have not come yet cost no
    ///   memory.
    init(countMax: Int) {
        self.countMax = max(countMax, 1)
        records = UnsafeMutableRawPointer.allocate(
            byteCount: self.countMax * MemoryLayout<Record>.stride,
            alignment: Record.alignment
        ).bindMemory(to: Record.self, capacity: self.countMax)
        marks = .allocate(capacity: self.countMax)
        nameLengths = .allocate(capacity: self.countMax)
        index = CacheIndex(countMax: self.countMax)
        queue = EvictionQueue(countMax: self.countMax)
    }

    deinit {
        records.deallocate()
        marks.deallocate()
        nameLengths.deallocate()
    }
}

// MARK: - Asking

extension RecordCache {
    /// What is known of a locator's keys; `nil` where the store has to be asked.
    @inline(__always)
    func knowledge(of locator: Locator) -> Knowledge? {
        guard let slot = slot(of: locator), marks[slot].contains(.known) else { return nil }
        if !marks[slot].contains(.visited) { marks[slot].insert(.visited) }
        return Knowledge(slot: slot, keys: keys(slot))
    }

    /// Whether a locator's record is known.
    func knows(_ locator: Locator) -> Bool {
        slot(of: locator).map { marks[$0].contains(.known) } ?? false
    }

    /// Whether a locator's record is known to let a key in, and for as long as it is said.
    func knows(_ locator: Locator, accepting key: Decision.StreamKey) -> Bool {
        guard let slot = slot(of: locator), marks[slot].contains(.known), let keys = keys(slot)
        else { return false }
        return keys.active.is(key) || keys.previous?.is(key) == true
    }

    /// The latest proven version of a locator's record that is remembered; 0 where none is.
    func version(of locator: Locator) -> UInt64 {
        slot(of: locator).map { records[$0].version } ?? 0
    }

    @inline(__always)
    private func slot(of locator: Locator) -> Int? {
        index.slot(of: locator) { records[$0].locator }
    }

    @inline(__always)
    private func keys(_ slot: Int) -> AcceptedKeys? {
        guard marks[slot].contains(.active) else { return nil }
        let until = records[slot].until
        return AcceptedKeys(
            organization: organization(slot),
            active: .init(
                verifier: records[slot].verifier,
                until: until == Self.never ? nil : UnixTime(milliseconds: until)
            ),
            previous: marks[slot].contains(.previous) ? previousKeys[slot] : nil
        )
    }

    @inline(__always)
    private func organization(_ slot: Int) -> Organization {
        let length = Int(nameLengths[slot])
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
        let organization: Organization
        let streamKey: Decision.StreamKey
    }

    /// Lets a key in by its fingerprint, and notes its use; `nil` where it has to be verified.
    ///
    /// - Parameter fingerprint: Is asked for only where it can help.
    @inline(__always)
    func recognize(_ locator: Locator, at now: UnixTime, _ fingerprint: () -> Fingerprint)
        -> Recognition?
    {
        guard let slot = slot(of: locator), marks[slot].isSuperset(of: .recognizable),
            now.milliseconds < records[slot].until, records[slot].fingerprint == fingerprint()
        else { return nil }
        if !marks[slot].contains(.visited) { marks[slot].insert(.visited) }
        noteUse(slot, at: now)
        let until = records[slot].until
        return Recognition(
            organization: organization(slot),
            streamKey: .init(
                mark: records[slot].verifier.mark,
                until: until == Self.never ? nil : UnixTime(milliseconds: until)
            )
        )
    }

    /// A text was verified as a locator's key: it is recognized from now on, for as long as that is
    /// the active key.
    func remember(_ fingerprint: Fingerprint, of key: KeyVerifier.IssuedKey) {
        guard let slot = slot(of: key.locator), marks[slot].contains(.active),
            records[slot].verifier == key.verifier
        else { return }
        records[slot].fingerprint = fingerprint
        marks[slot].insert(.verified)
    }
}

// MARK: - Learning and forgetting

extension RecordCache {
    /// A use that would be lost because its record is given up.
    typealias Use = (locator: Locator, at: UnixTime)

    /// Keeps what the store has for a locator. Returns the last use of the record that is given up
    /// for it.
    ///
    /// - Parameter version: The record's version, where the seal proves it.
    @discardableResult
    func keep(_ keys: AcceptedKeys?, version: UInt64?, for locator: Locator) -> Use? {
        let (slot, lostUse) = slot(of: locator).map { ($0, nil) } ?? occupy(locator)
        records[slot].version = max(records[slot].version, version ?? 0)
        if keys?.active.verifier != records[slot].verifier { marks[slot].remove(.verified) }
        marks[slot].subtract([.active, .previous])
        marks[slot].insert(.known)
        previousKeys[slot] = keys?.previous
        guard let keys else { return lostUse }
        marks[slot].insert(keys.previous == nil ? .active : [.active, .previous])
        records[slot].verifier = keys.active.verifier
        records[slot].until = keys.active.until?.milliseconds ?? Self.never
        setName(slot, keys.organization)
        return lostUse
    }

    private func setName(_ slot: Int, _ organization: Organization) {
        nameLengths[slot] = UInt8(organization.length)
        longNames[slot] = organization.length > ShortName.count ? organization : nil
        withUnsafeBytes(of: organization.storage) { storage in
            withUnsafeMutableBytes(of: &records[slot].name) { name in
                name.copyMemory(from: UnsafeRawBufferPointer(rebasing: storage[..<name.count]))
            }
        }
    }

    /// What was known of a locator does not count any more.
    func forget(_ locator: Locator) {
        if let slot = slot(of: locator) { marks[slot].remove(.known) }
    }

    /// Nothing that was known counts any more.
    func forgetAll() {
        for slot in 0..<count { marks[slot].remove(.known) }
    }

    private func occupy(_ locator: Locator) -> (slot: Int, lostUse: Use?) {
        let (slot, lostUse) = count < countMax ? (count, nil) : vacate()
        if slot == count { count += 1 }
        records.advanced(by: slot).initialize(
            to: Record(locator: locator)
        )
        marks.advanced(by: slot).initialize(to: [])
        index.insert(locator, slot: slot)
        queue.append(slot)
        return (slot, lostUse)
    }

    private func vacate() -> (slot: Int, lostUse: Use?) {
        let slot = queue.evict { slot in
            defer { marks[slot].remove(.visited) }
            return marks[slot].contains(.visited)
        }
        evictionCount &+= 1
        index.remove(records[slot].locator) { records[$0].locator }
        previousKeys[slot] = nil
        longNames[slot] = nil
        return (slot, takeUse(slot))
    }
}

// MARK: - Last uses

extension RecordCache {
    /// Notes that a key of a known record was used.
    @inline(__always)
    func noteUse(_ slot: Int, at now: UnixTime) {
        records[slot].lastUse = now.milliseconds
        guard !marks[slot].contains(.used) else { return }
        marks[slot].insert(.used)
        usesCount += 1
    }

    /// Takes at most so many last uses.
    func takeUses(_ countMax: Int, _ body: (Use) -> Void) {
        var left = min(countMax, usesCount)
        while left > 0 {
            if usesPosition >= count { usesPosition = 0 }
            if let use = takeUse(usesPosition) {
                body(use)
                left -= 1
            }
            usesPosition += 1
        }
    }

    private func takeUse(_ slot: Int) -> Use? {
        guard marks[slot].contains(.used) else { return nil }
        marks[slot].remove(.used)
        usesCount -= 1
        return (records[slot].locator, UnixTime(milliseconds: records[slot].lastUse))
    }
}

extension AcceptedKeys.Key {
    fileprivate func `is`(_ key: Decision.StreamKey) -> Bool {
        verifier.mark == key.mark && until == key.until
    }
}

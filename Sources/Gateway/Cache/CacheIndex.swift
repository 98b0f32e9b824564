import KeyFormat

/// Finds the slot of a locator: a table with open addressing, half empty, without holes left behind
/// by what was removed.
///
/// An entry has a part of the locator's hash beside the slot: the record of another locator, far away
/// in memory, is hardly ever looked at.
struct CacheIndex: ~Copyable {
    /// In the low bits slot numbers plus one, in the others a part of the hash; 0 where nothing is.
    /// Memory that was never written to costs nothing.
    private let table: UnsafeMutablePointer<UInt32>
    private let memory: HugePages
    private let mask: Int
    private let slotMask: UInt32

    /// - Parameter countMax: Most locators that will be in it at a time.
    init(countMax: Int) {
        var capacity = 16
        while capacity < 2 * countMax { capacity *= 2 }
        mask = capacity - 1
        slotMask = .max >> UInt32(countMax).leadingZeroBitCount
        memory = HugePages(byteCount: capacity * MemoryLayout<UInt32>.stride)
        table = memory.start.bindMemory(to: UInt32.self, capacity: capacity)
    }

    /// The slot of a locator, where it has one.
    ///
    /// - Parameter locators: Tells the locator of a slot that is in use.
    @inline(__always)
    func slot(of locator: Locator, _ locators: (Int) -> Locator) -> Int? {
        let hash = locator.tableHash
        let tag = tag(hash)
        var position = home(hash)
        while table[position] != 0 {
            if table[position] & ~slotMask == tag {
                let slot = slot(at: position)
                if locators(slot) == locator { return slot }
            }
            position = (position + 1) & mask
        }
        return nil
    }

    /// Adds a locator that is not there.
    mutating func insert(_ locator: Locator, slot: Int) {
        let hash = locator.tableHash
        var position = home(hash)
        while table[position] != 0 { position = (position + 1) & mask }
        table[position] = UInt32(slot + 1) | tag(hash)
    }

    /// Removes a locator, and moves up those behind it that are not where they would be found.
    mutating func remove(_ locator: Locator, _ locators: (Int) -> Locator) {
        var hole = home(locator.tableHash)
        while table[hole] != 0, locators(slot(at: hole)) != locator {
            hole = (hole + 1) & mask
        }
        guard table[hole] != 0 else { return }
        var position = (hole + 1) & mask
        while table[position] != 0 {
            let home = home(locators(slot(at: position)).tableHash)
            if (position &- home) & mask >= (position &- hole) & mask {
                table[hole] = table[position]
                hole = position
            }
            position = (position + 1) & mask
        }
        table[hole] = 0
    }

    /// The slot of an entry that is there.
    @inline(__always)
    private func slot(at position: Int) -> Int { Int(table[position] & slotMask) - 1 }

    @inline(__always)
    private func home(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash) & mask }

    @inline(__always)
    private func tag(_ hash: UInt64) -> UInt32 {
        UInt32(truncatingIfNeeded: hash >> 32) & ~slotMask
    }
}

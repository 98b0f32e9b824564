import KeyFormat

/// A hash table from locators to slots: open addressing, at most half full, no tombstones.
///
/// An entry holds a part of the locator's hash beside the slot. The record of another locator, far away
/// in memory, is therefore hardly ever read.
struct CacheIndex: ~Copyable {
    /// Slot plus one in the low bits, a part of the hash in the others; 0 if there is no entry.
    /// Untouched memory costs nothing.
    private let table: UnsafeMutablePointer<UInt32>
    private let memory: HugePages
    private let mask: Int
    private let slotMask: UInt32

    /// - Parameter countMax: Most locators at a time.
    init(countMax: Int) {
        var capacity = 16
        while capacity < 2 * countMax { capacity *= 2 }
        mask = capacity - 1
        slotMask = .max >> UInt32(countMax).leadingZeroBitCount
        memory = HugePages(byteCount: capacity * MemoryLayout<UInt32>.stride)
        table = memory.start.bindMemory(to: UInt32.self, capacity: capacity)
    }

    /// The slot of a locator, if it has one.
    ///
    /// - Parameter locators: The locator of a used slot.
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

    /// Adds a locator that the table does not hold.
    mutating func insert(_ locator: Locator, slot: Int) {
        let hash = locator.tableHash
        var position = home(hash)
        while table[position] != 0 { position = (position + 1) & mask }
        table[position] = UInt32(slot + 1) | tag(hash)
    }

    /// Removes a locator, and shifts back the entries after it that would no longer be found.
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

    /// The slot of an entry.
    @inline(__always)
    private func slot(at position: Int) -> Int { Int(table[position] & slotMask) - 1 }

    @inline(__always)
    private func home(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash) & mask }

    @inline(__always)
    private func tag(_ hash: UInt64) -> UInt32 {
        UInt32(truncatingIfNeeded: hash >> 32) & ~slotMask
    }
}

import KeyFormat

/// Finds the slot of a locator: a table with open addressing, half empty, without holes left behind
/// by what was removed.
struct CacheIndex: ~Copyable {
    /// Slot numbers plus one; 0 where nothing is. Memory that was never written to costs nothing.
    private let table: UnsafeMutablePointer<UInt32>
    private let memory: LargeMemory
    private let mask: Int

    /// - Parameter countMax: Most locators that will be in it at a time.
    init(countMax: Int) {
        var capacity = 16
        while capacity < 2 * countMax { capacity *= 2 }
        mask = capacity - 1
        memory = LargeMemory(byteCount: capacity * MemoryLayout<UInt32>.stride)
        table = memory.start.bindMemory(to: UInt32.self, capacity: capacity)
    }

    /// The slot of a locator, where it has one.
    ///
    /// - Parameter locators: Tells the locator of a slot that is in use.
    @inline(__always)
    func slot(of locator: Locator, _ locators: (Int) -> Locator) -> Int? {
        var position = home(locator)
        while table[position] != 0 {
            let slot = Int(table[position]) - 1
            if locators(slot) == locator { return slot }
            position = (position + 1) & mask
        }
        return nil
    }

    /// Adds a locator that is not there.
    mutating func insert(_ locator: Locator, slot: Int) {
        var position = home(locator)
        while table[position] != 0 { position = (position + 1) & mask }
        table[position] = UInt32(slot + 1)
    }

    /// Removes a locator, and moves up those behind it that are not where they would be found.
    mutating func remove(_ locator: Locator, _ locators: (Int) -> Locator) {
        var hole = home(locator)
        while table[hole] != 0, locators(Int(table[hole]) - 1) != locator {
            hole = (hole + 1) & mask
        }
        guard table[hole] != 0 else { return }
        var position = (hole + 1) & mask
        while table[position] != 0 {
            let distance = (position &- home(locators(Int(table[position]) - 1))) & mask
            if distance >= (position &- hole) & mask {
                table[hole] = table[position]
                hole = position
            }
            position = (position + 1) & mask
        }
        table[hole] = 0
    }

    @inline(__always)
    private func home(_ locator: Locator) -> Int {
        Int(truncatingIfNeeded: locator.tableHash) & mask
    }
}

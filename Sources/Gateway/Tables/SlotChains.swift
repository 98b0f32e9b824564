import KeyFormat

/// A hash table with chaining from locators to an owner's slots.
///
/// A chain may hold slots of several locators, so the owner checks each. Locators are as good as
/// random: chains are short, but for slots of the same locator.
struct SlotChains {
    private struct Link {
        var next = none
        var previous = none
    }

    private static let none = -1

    private var heads: [Int]
    private var links: [Link] = []

    /// - Parameter count: Number of chains, a power of two.
    init(count: Int) {
        heads = [Int](repeating: Self.none, count: count)
    }

    /// Adds a slot that is in no chain.
    mutating func add(_ slot: Int, _ locator: Locator) {
        let chain = chain(of: locator)
        let next = heads[chain]
        while links.count <= slot { links.append(Link()) }
        links[slot] = Link(next: next)
        if next != Self.none { links[next].previous = slot }
        heads[chain] = slot
    }

    /// Removes a slot that was added for a locator.
    mutating func remove(_ slot: Int, _ locator: Locator) {
        let link = links[slot]
        if link.next != Self.none { links[link.next].previous = link.previous }
        if link.previous != Self.none {
            links[link.previous].next = link.next
        } else {
            heads[chain(of: locator)] = link.next
        }
    }

    /// The first slot of a locator's chain.
    func first(_ locator: Locator) -> Int? { slot(heads[chain(of: locator)]) }

    /// The slot after another one, which may be removed afterwards.
    func next(_ slot: Int) -> Int? { self.slot(links[slot].next) }

    /// The first slot of a locator's chain that meets a condition.
    @inline(__always)
    func first(_ locator: Locator, where isWanted: (Int) -> Bool) -> Int? {
        var slot = first(locator)
        while let candidate = slot {
            if isWanted(candidate) { return candidate }
            slot = next(candidate)
        }
        return nil
    }

    private func chain(of locator: Locator) -> Int {
        Int(truncatingIfNeeded: locator.tableHash) & (heads.count - 1)
    }

    private func slot(_ number: Int) -> Int? { number == Self.none ? nil : number }
}

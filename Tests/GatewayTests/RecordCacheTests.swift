import KeyFormat
import Keyring
import TestSupport
import Testing

@testable import Gateway

extension RecordCache {
    /// A cache of records from one node.
    convenience init(countMax: Int, hasSlots: Bool = false) {
        self.init(countMax: countMax, nodeCount: 1, hasSlots: hasSlots)
    }
}

struct RecordCacheTests {
    private let pepper = Pepper(SecretBytes(copying: [UInt8](repeating: 7, count: 32).span))!

    private func organization(_ number: Int) -> Organization { Organization("org-\(number)")! }

    private func keys(_ number: Int, until: Int64? = nil) -> AcceptedKeys {
        AcceptedKeys(
            organization: organization(number),
            active: .init(
                verifier: KeyMint(prefix: .standard, pepper: pepper)
                    .mint(for: organization(number).locator).verifier,
                until: until.map { UnixTime(milliseconds: $0) }
            ),
            previous: nil
        )
    }

    @Test func `a stored record is found unchanged`() {
        let cache = RecordCache(countMax: 10)
        let stored = (0..<10).map { keys($0, until: $0.isMultiple(of: 2) ? Int64($0) : nil) }
        for (number, keys) in stored.enumerated() {
            cache.store(keys, version: 1, for: organization(number).locator)
        }
        for (number, keys) in stored.enumerated() {
            #expect(cache.lookup(organization(number).locator)?.keys == keys)
        }
        #expect(cache.lookup(organization(10).locator) == nil)
        #expect(cache.count == 10)
    }

    @Test func `an organization without a key is cached, too`() {
        let cache = RecordCache(countMax: 2)
        cache.store(keys(1), version: 1, for: organization(1).locator)
        cache.store(nil, version: 2, for: organization(1).locator)
        #expect(cache.isValid(organization(1).locator))
        #expect(cache.lookup(organization(1).locator)?.keys == nil)
    }

    @Test func `the previous key is stored with its end`() {
        let cache = RecordCache(countMax: 2)
        let first = keys(1).active
        let both = AcceptedKeys(
            organization: organization(1),
            active: keys(1).active,
            previous: .init(verifier: first.verifier, until: UnixTime(milliseconds: 5))
        )
        cache.store(both, version: 1, for: organization(1).locator)
        #expect(cache.lookup(organization(1).locator)?.keys == both)
        cache.store(keys(1), version: 2, for: organization(1).locator)
        #expect(cache.lookup(organization(1).locator)?.keys?.previous == nil)
    }

    @Test func `an invalidated record leaves its version behind`() {
        let cache = RecordCache(countMax: 2)
        cache.store(keys(1), version: 7, for: organization(1).locator)
        cache.store(nil, version: nil, for: organization(1).locator)
        cache.invalidate(organization(1).locator)
        cache.invalidate(organization(2).locator)
        #expect(!cache.isValid(organization(1).locator))
        #expect(cache.version(of: organization(1).locator) == 7)
        #expect(cache.version(of: organization(2).locator) == 0)
    }

    @Test func `a full cache evicts the records that were not visited`() {
        let cache = RecordCache(countMax: 100)
        for number in 0..<100 {
            cache.store(keys(number), version: 1, for: organization(number).locator)
        }
        for number in 0..<50 { _ = cache.lookup(organization(number).locator) }
        for number in 100..<150 {
            cache.store(keys(number), version: 1, for: organization(number).locator)
        }
        for number in 0..<50 { #expect(cache.isValid(organization(number).locator)) }
        for number in 50..<100 { #expect(!cache.isValid(organization(number).locator)) }
        for number in 100..<150 { #expect(cache.isValid(organization(number).locator)) }
        #expect(cache.count == 100)
    }

    @Test(arguments: [1, 2, 3, 17, 256])
    func `a lookup finds nothing but what was stored last`(countMax: Int) {
        let seed = UInt64.random(in: .min ... .max)
        var generator = SplitMix64(seed: seed)
        let cache = RecordCache(countMax: countMax)
        let all = (0..<300).map { keys($0) }
        var model: [Int: AcceptedKeys?] = [:]
        for _ in 0..<20_000 {
            let number = Int.random(in: 0..<300, using: &generator)
            let locator = organization(number).locator
            switch Int.random(in: 0..<100, using: &generator) {
            case 0..<40:
                let keys = Bool.random(using: &generator) ? all[number] : nil
                cache.store(keys, version: nil, for: locator)
                model[number] = .some(keys)
                #expect(cache.isValid(locator), "seed \(seed)")
            case 40..<55:
                cache.invalidate(locator)
                model[number] = nil
            case 55:
                cache.invalidateAll()
                model = [:]
            default:
                guard let cached = cache.lookup(locator) else { continue }
                #expect(model[number] == .some(cached.keys), "seed \(seed)")
            }
            #expect(cache.count <= countMax, "seed \(seed)")
        }
    }

    @Test func `uses are dequeued one shard after another`() {
        let cache = RecordCache(countMax: 1000)
        for number in 0..<1000 {
            cache.store(keys(number), version: 1, for: organization(number).locator)
            _ = cache.noteUse(of: organization(number).locator, at: UnixTime(milliseconds: 1))
        }
        var shards: [UInt8] = []
        func dequeue() -> Bool { cache.dequeueUses(7) { shards.append($0.locator.firstDigit) } }
        while !dequeue() {}
        #expect(shards.count == 1000)
        #expect(shards == shards.sorted())
        #expect(Set(shards).count == 62)
    }

    @Test func `uses of a shard that cannot be written stay, and hold no others up`() {
        let cache = RecordCache(countMax: 1000)
        for number in 0..<1000 {
            cache.store(keys(number), version: 1, for: organization(number).locator)
            _ = cache.noteUse(of: organization(number).locator, at: UnixTime(milliseconds: 1))
        }
        let refused = organization(0).locator.firstDigit
        let refusedCount = cache.usesCount { $0 == refused }
        #expect((1..<100).contains(refusedCount))
        var shards: [UInt8] = []
        func dequeue(_ isWritable: (UInt8) -> Bool) -> Bool {
            cache.dequeueUses(7, isWritable) { shards.append($0.locator.firstDigit) }
        }
        while !dequeue({ $0 != refused }) {}
        let isEndReached = dequeue { $0 != refused }
        #expect(isEndReached)
        #expect(!shards.contains(refused))
        #expect(shards.count == 1000 - refusedCount)
        #expect(cache.usesCount == refusedCount)
        while !dequeue({ _ in true }) {}
        #expect(shards.count == 1000)
    }

    /// Compares the cache with a plain table of uses.
    @Test func `each use is dequeued, however records come and go`() {
        let seed = UInt64.random(in: 0 ... .max)
        var generator = SplitMix64(seed: seed)
        let cache = RecordCache(countMax: 20)
        var waiting: [Locator: Int64] = [:]
        func expect(_ use: RecordCache.Use) {
            #expect(waiting.removeValue(forKey: use.locator) == use.at.milliseconds, "seed \(seed)")
        }
        for time in 1...20_000 {
            let number = Int.random(in: 0..<30, using: &generator)
            let locator = organization(number).locator
            if Int.random(in: 0..<10, using: &generator) == 0 {
                _ = cache.dequeueUses(
                    Int.random(in: 1...5, using: &generator),
                    { $0 % 3 != time % 3 },
                    expect
                )
            } else {
                if let lost = cache.store(keys(number), version: 1, for: locator) { expect(lost) }
                #expect(cache.noteUse(of: locator, at: UnixTime(milliseconds: Int64(time))))
                waiting[locator] = Int64(time)
            }
            #expect(cache.usesCount == waiting.count, "seed \(seed)")
        }
        while cache.usesCount > 0 { _ = cache.dequeueUses(3, expect) }
        #expect(waiting.isEmpty, "seed \(seed)")
    }

    @Test func `uses are dequeued once, up to the given count, and survive their record`() {
        let cache = RecordCache(countMax: 10)
        var uses: [Locator: UnixTime] = [:]
        func dequeue(_ count: Int) -> Int {
            let before = uses.count
            _ = cache.dequeueUses(count) { uses[$0.locator] = $0.at }
            return uses.count - before
        }
        for number in 0..<10 {
            let locator = organization(number).locator
            cache.store(keys(number), version: 1, for: locator)
            let slot = cache.lookup(locator)!.slot
            for time in 1...3 { cache.noteUse(slot, at: UnixTime(milliseconds: Int64(time))) }
        }
        #expect(cache.usesCount == 10)
        #expect(dequeue(4) == 4)
        #expect(dequeue(100) == 6)
        #expect(dequeue(100) == 0)
        #expect(uses.values.allSatisfy { $0 == UnixTime(milliseconds: 3) })

        let locator = organization(0).locator
        cache.noteUse(cache.lookup(locator)!.slot, at: UnixTime(milliseconds: 9))
        let lost = (10..<30).compactMap {
            cache.store(keys($0), version: 1, for: organization($0).locator)
        }
        #expect(lost.map(\.locator) == [locator])
        #expect(lost.map(\.at) == [UnixTime(milliseconds: 9)])
        #expect(cache.usesCount == 0)
    }
}

extension RecordCache {
    fileprivate func dequeueUses(_ countMax: Int, _ body: (Use) -> Void) -> Bool {
        dequeueUses(countMax, { _ in true }, body)
    }

    fileprivate func isValid(_ locator: Locator) -> Bool { lookup(locator) != nil }

    fileprivate func noteUse(of locator: Locator, at now: UnixTime) -> Bool {
        guard let slot = slot(of: locator) else { return false }
        noteUse(slot, at: now)
        return true
    }
}

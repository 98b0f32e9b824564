import Testing

@testable import RedisClient

struct SlotTests {
    private func slot(_ key: String) -> Int { Slot(ofKey: Array(key.utf8)).number }

    /// The numbers are what `CLUSTER KEYSLOT` of Redis 7.0.15 says.
    @Test(arguments: [
        ("123456789", 12739), ("", 0), ("foo", 12182), ("bar", 5061), ("{foo}", 12182),
        ("a{foo}b", 12182), ("{foo}{bar}", 12182), ("foo{bar}{zap}", 5061), ("{bar", 4015),
        ("latchkey:{gateways}", 15195),
    ])
    func `a key has the slot that Redis gives it`(key: String, number: Int) {
        #expect(slot(key) == number)
    }

    @Test func `an empty tag, or none, makes the whole key count`() {
        #expect(slot("foo{}{bar}") == Slot(ofTag: "foo{}{bar}".utf8).number)
        #expect(slot("}foo{") == Slot(ofTag: "}foo{".utf8).number)
        #expect(slot("foo{{bar}}zap") == Slot(ofTag: "{bar".utf8).number)
    }

    @Test func `a tag has the slot of every key with it`() {
        #expect(Slot(ofTag: "user1000".utf8) == Slot(ofKey: Array("a:{user1000}.b".utf8)))
    }

    @Test(arguments: [-1, 16_384, Int.max, Int.min])
    func `there are no other slots`(number: Int) {
        #expect(Slot(number) == nil)
    }

    @Test func `slots are ordered by their numbers`() throws {
        #expect(Slot(0)?.number == 0)
        #expect(Slot(16_383)?.number == 16_383)
        #expect(try #require(Slot(1)) < #require(Slot(2)))
    }
}

struct SlotSetTests {
    private func set(_ numbers: [Int]) -> SlotSet {
        var set = SlotSet()
        for number in numbers.compactMap({ Slot($0) }) { set.insert(number) }
        return set
    }

    @Test func `a set holds what was added`() {
        let numbers = [0, 1, 63, 64, 8191, 16_383]
        let set = set(numbers)
        #expect(set.map(\.number) == numbers)
        #expect(set.count == 6)
        #expect(!set.isEmpty)
        #expect(Slot(64).map { set.contains($0) } == true)
        #expect(Slot(65).map { set.contains($0) } == false)
    }

    @Test func `nothing and everything are sets, too`() throws {
        #expect(SlotSet().isEmpty)
        #expect(SlotSet().count == 0)
        var all = SlotSet()
        all.insert(try #require(Slot(0))...#require(Slot(Slot.count - 1)))
        #expect(all == set(Array(0..<Slot.count)))
    }

    @Test func `a range is inserted beside what is there`() throws {
        var slots = set([1, 2, 101])
        slots.insert(try #require(Slot(100))...#require(Slot(102)))
        #expect(slots == set([1, 2, 100, 101, 102]))
    }
}

import KeyFormat
import Keyring
import RedisClient
import Testing

@testable import Gateway

/// The places of a cluster's primaries.
struct SeatsTests {
    private let moment = MonotonicTime(nanoseconds: 1)

    private func node(_ number: Int) -> ClusterNode {
        ClusterNode(address: ClusterDriver.endpoint(number), id: "n\(number)")
    }

    /// A map in which servers hold neighbouring slots: each up to a bound.
    private func map(_ parts: (server: Int, upTo: Int)...) throws -> SlotMap {
        var first = 0
        let ranges = parts.map { server, last in
            defer { first = last + 1 }
            let host = RedisReply.bulk(ArraySlice("10.0.0.\(server)".utf8))
            let id = RedisReply.bulk(ArraySlice("n\(server)".utf8))
            return RedisReply.array([
                .integer(Int64(first)), .integer(Int64(last)),
                .array([host, .integer(7000), id]),
            ])
        }
        return try SlotMap(.array(ranges), from: ClusterDriver.endpoint(1))
    }

    private func slot(_ number: Int) throws -> Slot { try #require(Slot(number)) }

    @Test func `primaries take places in the order of their slots`() throws {
        var seats = Seats()
        let change = seats.adopt(try map((1, 99), (2, 199), (3, 16_383)))
        #expect(change.occupants.map(\.place) == [0, 1, 2])
        #expect(change.vacated.isEmpty)
        #expect(change.moved.isEmpty)
        #expect(seats.place(of: try slot(150)) == 1)
        #expect(seats.places == [0, 1, 2])
        #expect(seats.isAdopted(try map((1, 99), (2, 199), (3, 16_383))))
    }

    @Test func `who takes over the slots of a primary takes its place, and no slot moves`() throws {
        var seats = Seats()
        _ = seats.adopt(try map((1, 99), (2, 199), (3, 16_383)))
        let change = seats.adopt(try map((1, 99), (4, 199), (3, 16_383)))
        #expect(change.occupants.map(\.server) == [node(4)])
        #expect(change.occupants.map(\.place) == [1])
        #expect(change.vacated.isEmpty)
        #expect(change.moved.isEmpty)
    }

    @Test func `two primaries that are replaced at once leave their places to their successors`()
        throws
    {
        var seats = Seats()
        _ = seats.adopt(try map((1, 99), (2, 199), (3, 16_383)))
        _ = seats.adopt(try map((5, 99), (4, 199), (3, 16_383)))
        #expect(seats.server(0) == node(5))
        #expect(seats.server(1) == node(4))
    }

    @Test func `a slot that goes to another primary moves, and a primary without slots leaves`()
        throws
    {
        var seats = Seats()
        _ = seats.adopt(try map((1, 99), (2, 199), (3, 16_383)))
        var change = seats.adopt(try map((1, 98), (2, 199), (3, 16_383)))
        #expect(change.moved.map(\.number) == [99])
        change = seats.adopt(try map((1, 199), (3, 16_383)))
        #expect(change.vacated == [1])
        #expect(change.moved.count == 101)
        #expect(!seats.isOccupied(1))
        change = seats.adopt(try map((1, 49), (6, 199), (3, 16_383)))
        #expect(change.occupants.map(\.place) == [1])
        #expect(change.moved.count == 150)
    }

    @Test func `a guest that takes a primary's place leaves the one that it had`() throws {
        var seats = Seats()
        _ = seats.adopt(try map((1, 99), (2, 199), (3, 16_383)))
        let place = seats.invite(ClusterDriver.endpoint(4), moment)
        let guest = try #require(place)
        let change = seats.adopt(try map((4, 0), (5, 99), (2, 199), (3, 16_383)))
        #expect(seats.placeOfTarget(ClusterDriver.endpoint(4)) == seats.place(of: try slot(0)))
        #expect(change.vacated == [guest])
        #expect(seats.guestsDue == .never)
    }

    @Test func `a slot that nobody holds has moved`() throws {
        var seats = Seats()
        _ = seats.adopt(try map((1, 99), (2, 16_383)))
        let change = seats.adopt(try map((1, 99), (2, 16_382)))
        #expect(change.moved.map(\.number) == [16_383])
        #expect(seats.place(of: try slot(16_383)) == nil)
    }

    @Test func `a server with another name at the same address is another one`() throws {
        var seats = Seats()
        _ = seats.adopt(try map((1, 99), (2, 16_383)))
        let host = RedisReply.bulk(ArraySlice("10.0.0.1".utf8))
        let renamed = RedisReply.array([
            .array([
                .integer(0), .integer(99),
                .array([host, .integer(7000), .bulk(ArraySlice("new".utf8))]),
            ])
        ])
        let change = seats.adopt(try SlotMap(renamed, from: ClusterDriver.endpoint(1)))
        #expect(change.occupants.map(\.place) == [0])
    }

    @Test func `what a redirection has assigned is compared with the next map`() throws {
        var seats = Seats()
        let map = try map((1, 99), (2, 16_383))
        _ = seats.adopt(map)
        seats.assign(try slot(7), to: 1)
        #expect(!seats.isAdopted(map))
        let change = seats.adopt(map)
        #expect(change.moved.map(\.number) == [7])
    }

    @Test func `a guest has a place of its own, keeps it as a primary, or leaves in time`() throws {
        var seats = Seats()
        _ = seats.adopt(try map((1, 99), (2, 16_383)))
        let known = seats.invite(ClusterDriver.endpoint(1), moment)
        #expect(known == nil)
        let place = seats.invite(ClusterDriver.endpoint(7), moment)
        let again = seats.invite(ClusterDriver.endpoint(7), moment)
        #expect(place == 2)
        #expect(again == nil)
        #expect(seats.placeOfTarget(ClusterDriver.endpoint(7)) == 2)
        #expect(!seats.isOccupied(2))
        let change = seats.adopt(try map((7, 49), (1, 99), (2, 16_383)))
        #expect(change.occupants.map(\.place) == [2])
        #expect(change.occupants.map(\.wasGuest) == [true])
        var dismissed = seats.dismissGuests(.never)
        #expect(dismissed.isEmpty)
        let other = seats.invite(ClusterDriver.endpoint(8), moment)
        dismissed = seats.dismissGuests(moment)
        #expect(dismissed.isEmpty)
        dismissed = seats.dismissGuests(seats.guestsDue)
        #expect(dismissed == [other])
        #expect(seats.placeOfTarget(ClusterDriver.endpoint(8)) == nil)
    }

    @Test func `there are few guests`() {
        var seats = Seats()
        let places = (1...9).map { seats.invite(ClusterDriver.endpoint($0), moment) }
        #expect(places.compactMap(\.self).count == 4)
    }
}

/// The cache's records by slot.
struct SlotListsTests {
    private func records(_ lists: SlotLists, _ slot: Slot) -> [Int] {
        var records: [Int] = []
        lists.forEach(in: slot) { records.append($0) }
        return records.sorted()
    }

    @Test(arguments: [0, 1, 2])
    func `a record is found in its slot until it is removed`(removed: Int) throws {
        let lists = SlotLists(countMax: 8)
        let (slot, other) = (try #require(Slot(5)), try #require(Slot(6)))
        for record in 0..<3 { lists.add(record, slot) }
        lists.add(3, other)
        #expect(records(lists, slot) == [0, 1, 2])
        lists.remove(removed, slot)
        #expect(records(lists, slot) == [0, 1, 2].filter { $0 != removed })
        #expect(records(lists, other) == [3])
        lists.remove(removed, slot)
        lists.remove(3, other)
        #expect(records(lists, other).isEmpty)
    }

    @Test func `records of slots that moved are forgotten, evicted ones too`() throws {
        let cache = RecordCache(countMax: 4, hasSlots: true)
        let names = (0..<50).map { Organization("org-\($0)")! }
        for name in names { cache.store(nil, version: 1, for: name.locator) }
        let kept = names.filter { cache.holds($0.locator) }
        #expect(kept.count == 4)
        var slots = SlotSet()
        slots.insert(Slot(of: kept[0].locator))
        cache.invalidate(in: slots)
        #expect(!cache.holds(kept[0].locator))
        #expect(kept.dropFirst().allSatisfy { cache.holds($0.locator) })
        for name in names { slots.insert(Slot(of: name.locator)) }
        cache.invalidate(in: slots)
        #expect(names.allSatisfy { !cache.holds($0.locator) })
    }
}

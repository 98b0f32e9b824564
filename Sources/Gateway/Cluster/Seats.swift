import RedisClient

/// Which primary of a cluster sits in which place, and which place each slot belongs to.
///
/// A primary that takes over the slots of another one takes its place. A server that a slot is being moved to may
/// have a place as a guest, before it holds any.
struct Seats {
    /// The most places. Each has two links, and the number of a link is limited.
    static let countMax = 56

    /// Guests beyond the cluster's primaries.
    private static let guestsMax = 4

    /// How long a guest stays that no slot is moved to.
    private static let guestMilliseconds: UInt64 = 10_000

    /// What a new map has changed.
    struct Change {
        /// The places that another primary takes.
        var taken: [Taken] = []
        /// The places that nobody takes.
        var left: [Int] = []
        /// The slots that belong to another place, or to none, from now on.
        var moved = SlotSet()
        /// Whether a slot had been assigned already to the place that this map gives it for the first time.
        var confirms = false

        /// Whether another primary takes a place, or nobody does any more.
        var replacesPrimaries: Bool { !taken.isEmpty || !left.isEmpty }

        var isEmpty: Bool { taken.isEmpty && left.isEmpty && moved.isEmpty && !confirms }
    }

    struct Taken {
        let place: Int
        let server: ClusterNode
        /// Whether it has been a guest there: its connections stay.
        let wasGuest: Bool
    }

    private struct Guest {
        let place: Int
        let address: Endpoint
        var until: MonotonicTime
    }

    /// The map as it was last adopted.
    private(set) var map: SlotMap?

    /// The primaries; `nil` where a place is free, or a guest's.
    private var servers = [ClusterNode?](repeating: nil, count: countMax)
    private var guests: [Guest] = []

    /// The places of primaries that hold slots, in order.
    private(set) var places: [Int] = []

    /// The place of each slot, or ``nobody``.
    private var placeBySlot = [UInt8](repeating: nobody, count: Slot.count)
    private static let nobody = UInt8.max

    /// The places that the map gives to slots which have been assigned otherwise since.
    private var mapped: [Slot: UInt8] = [:]

    /// Whether this map is the adopted one, and slots are where it says.
    func isAdopted(_ map: SlotMap) -> Bool { mapped.isEmpty && map == self.map }

    /// The place of a slot; `nil` where nobody holds it.
    func place(of slot: Slot) -> Int? {
        let place = placeBySlot[slot.number]
        return place == Self.nobody ? nil : Int(place)
    }

    /// The server that holds a slot; `nil` where nobody does.
    func holder(of slot: Slot) -> Endpoint? { place(of: slot).flatMap { servers[$0]?.address } }

    /// The place of the primary at an address; `nil` where none holds slots.
    func place(of address: Endpoint) -> Int? {
        places.first { servers[$0]?.address == address }
    }

    /// Whether the primary in a place holds slots.
    func isOccupied(_ place: Int) -> Bool { servers[place] != nil }

    /// The primary in a place.
    func server(_ place: Int) -> ClusterNode? { servers[place] }

    /// Nobody is known to hold a slot any more.
    mutating func unassign(_ slot: Slot) {
        assign(slot, Self.nobody)
    }

    /// Assigns a slot before the map says so: a server has named another that holds it.
    mutating func assign(_ slot: Slot, to place: Int) {
        assign(slot, UInt8(truncatingIfNeeded: place))
    }

    private mutating func assign(_ slot: Slot, _ place: UInt8) {
        let former = placeBySlot[slot.number]
        if mapped[slot] == nil { mapped[slot] = former }
        placeBySlot[slot.number] = place
    }
}

// MARK: - Maps

extension Seats {
    /// Adopts a map.
    mutating func adopt(_ map: SlotMap) -> Change {
        var change = Change()
        var placeByPrimary = map.primaries.map { primary in servers.firstIndex(of: primary) }
        let vacated = places.filter { place in
            !map.primaries.contains { $0 == servers[place] }
        }
        var free = vacated
        for index in map.primaries.indices where placeByPrimary[index] == nil {
            guard
                let place = successorPlace(of: index, in: map, among: free)
                    ?? guestPlace(map.primaries[index].address) ?? freePlace(free, placeByPrimary)
            else { continue }
            let server = map.primaries[index]
            let wasGuest = guestPlace(server.address) == place
            free.removeAll { $0 == place }
            guests.removeAll { $0.place == place }
            placeByPrimary[index] = place
            servers[place] = server
            change.taken.append(Taken(place: place, server: server, wasGuest: wasGuest))
        }
        for place in free { servers[place] = nil }
        change.left = free + dismissSeatedGuests()
        change.moved = assign(map, placeByPrimary)
        change.confirms = mapped.contains { placeBySlot[$0.number] != $1 }
        mapped.removeAll(keepingCapacity: true)
        places = servers.indices.filter { servers[$0] != nil }
        self.map = map
        return change
    }

    /// The vacated place whose slots a primary takes over, most of them.
    private func successorPlace(of primary: Int, in map: SlotMap, among vacated: [Int]) -> Int? {
        guard !vacated.isEmpty else { return nil }
        var counts = [Int](repeating: 0, count: Self.countMax)
        for slot in map.slots(ofPrimary: primary) {
            if let place = place(of: slot), vacated.contains(place) { counts[place] += 1 }
        }
        let most = vacated.max { counts[$0] < counts[$1] }
        return most.flatMap { counts[$0] > 0 ? $0 : nil }
    }

    private func guestPlace(_ address: Endpoint) -> Int? {
        guests.first { $0.address == address }?.place
    }

    private func freePlace(_ vacated: [Int], _ taken: [Int?]) -> Int? {
        servers.indices.first { place in
            servers[place] == nil && !guests.contains { $0.place == place }
                && !taken.contains(place)
        } ?? vacated.first
    }

    /// Gives each slot its place. Returns those that had another one.
    private mutating func assign(_ map: SlotMap, _ placeByPrimary: [Int?]) -> SlotSet {
        var moved = SlotSet()
        for number in 0..<Slot.count {
            guard let slot = Slot(number) else { continue }
            let place = map.index(of: slot).flatMap { placeByPrimary[$0] }
            let current = place.map { UInt8(truncatingIfNeeded: $0) } ?? Self.nobody
            let former = placeBySlot[number]
            placeBySlot[number] = current
            if former != current, former != Self.nobody { moved.insert(slot) }
        }
        return moved
    }
}

// MARK: - Guests

extension Seats {
    /// The place of a server that a slot is being moved to: that of a primary, or of a guest.
    func placeOfTarget(_ address: Endpoint) -> Int? { place(of: address) ?? guestPlace(address) }

    /// Gives a server that a slot is being moved to a place; `nil` where it has one, or there is none.
    mutating func invite(_ address: Endpoint, _ now: MonotonicTime) -> Int? {
        guard placeOfTarget(address) == nil, guests.count < Self.guestsMax,
            let place = freePlace([], [])
        else { return nil }
        let until = now.advanced(byMilliseconds: Self.guestMilliseconds)
        guests.append(Guest(place: place, address: address, until: until))
        return place
    }

    /// A slot is still being moved to a guest.
    mutating func keep(_ address: Endpoint, _ now: MonotonicTime) {
        for index in guests.indices where guests[index].address == address {
            guests[index].until = now.advanced(byMilliseconds: Self.guestMilliseconds)
        }
    }

    /// When the first guest leaves.
    var guestsDue: MonotonicTime { guests.lazy.map(\.until).min() ?? .never }

    /// Removes the guests that have a primary's place as well; returns the places that they had.
    private mutating func dismissSeatedGuests() -> [Int] {
        let seated = guests.filter { guest in servers.contains { $0?.address == guest.address } }
        guests.removeAll { guest in seated.contains { $0.place == guest.place } }
        return seated.map(\.place)
    }

    /// Removes the guests that no slot is moved to any more; returns their places.
    mutating func dismissGuests(_ now: MonotonicTime) -> [Int] {
        let places = guests.filter { $0.until <= now }.map(\.place)
        guests.removeAll { $0.until <= now }
        return places
    }
}

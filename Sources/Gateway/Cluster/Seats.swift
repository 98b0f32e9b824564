import RedisClient

/// The place of each primary of a cluster, and the place of each slot.
///
/// A primary that takes over the slots of another one inherits its place. The target of a slot's move may have a
/// place as a guest before it holds any slot.
struct Seats {
    /// The most places. Each has two links, and the number of a link is limited.
    static let countMax = 56

    /// Guests beyond the cluster's primaries.
    private static let guestsMax = 4

    /// How long a guest stays after the last command that was redirected to it.
    private static let guestMilliseconds: UInt64 = 10_000

    /// The differences between a new map and the state before it.
    struct Change {
        /// The places with a new primary.
        var occupants: [Occupant] = []
        /// The places that are free now.
        var vacated: [Int] = []
        /// The slots that have moved to another place, or to none.
        var moved = SlotSet()
        /// Whether a slot was assigned to its new place before this map confirmed it.
        var confirms = false

        var replacesPrimaries: Bool { !occupants.isEmpty || !vacated.isEmpty }

        var isEmpty: Bool { occupants.isEmpty && vacated.isEmpty && moved.isEmpty && !confirms }
    }

    /// A primary that is new in its place.
    struct Occupant {
        let place: Int
        let server: ClusterNode
        /// Whether the server was a guest there: its connections stay.
        let wasGuest: Bool
    }

    private struct Guest {
        let place: Int
        let address: Endpoint
        var until: MonotonicTime
    }

    /// The last map that was adopted.
    private(set) var map: SlotMap?

    /// The primaries by place; `nil` in a place that is free or a guest's.
    private var servers = [ClusterNode?](repeating: nil, count: countMax)
    private var guests: [Guest] = []

    /// The places of primaries that hold slots, in order.
    private(set) var places: [Int] = []

    /// The place of each slot, or ``noPlace``.
    private var placeBySlot = [UInt8](repeating: noPlace, count: Slot.count)
    private static let noPlace = UInt8.max

    /// The places that the map gives to slots which were reassigned since.
    private var mapped: [Slot: UInt8] = [:]

    /// Whether this map is the adopted one, and no slot was reassigned since.
    func isAdopted(_ map: SlotMap) -> Bool { mapped.isEmpty && map == self.map }

    /// The place of a slot; `nil` if it has no known holder.
    func place(of slot: Slot) -> Int? {
        let place = placeBySlot[slot.number]
        return place == Self.noPlace ? nil : Int(place)
    }

    /// The server that holds a slot; `nil` if none is known to.
    func holder(of slot: Slot) -> Endpoint? { place(of: slot).flatMap { servers[$0]?.address } }

    /// The place of the primary at an address; `nil` if no primary there holds slots.
    func place(of address: Endpoint) -> Int? {
        places.first { servers[$0]?.address == address }
    }

    /// Whether the primary in a place holds slots.
    func isOccupied(_ place: Int) -> Bool { servers[place] != nil }

    /// The primary in a place.
    func server(_ place: Int) -> ClusterNode? { servers[place] }

    /// A slot has no known holder from now on.
    mutating func unassign(_ slot: Slot) {
        assign(slot, Self.noPlace)
    }

    /// Assigns a slot ahead of the map, as a redirection says.
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
            change.occupants.append(Occupant(place: place, server: server, wasGuest: wasGuest))
        }
        for place in free { servers[place] = nil }
        change.vacated = free + dismissSeatedGuests()
        change.moved = assign(map, placeByPrimary)
        change.confirms = mapped.contains { placeBySlot[$0.number] != $1 }
        mapped.removeAll(keepingCapacity: true)
        places = servers.indices.filter { servers[$0] != nil }
        self.map = map
        return change
    }

    /// The vacated place most of whose slots a primary takes over.
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

    private func freePlace(_ vacated: [Int], _ assigned: [Int?]) -> Int? {
        servers.indices.first { place in
            servers[place] == nil && !guests.contains { $0.place == place }
                && !assigned.contains(place)
        } ?? vacated.first
    }

    /// Assigns all slots. Returns those that had another place.
    private mutating func assign(_ map: SlotMap, _ placeByPrimary: [Int?]) -> SlotSet {
        var moved = SlotSet()
        for number in 0..<Slot.count {
            guard let slot = Slot(number) else { continue }
            let place = map.index(of: slot).flatMap { placeByPrimary[$0] }
            let current = place.map { UInt8(truncatingIfNeeded: $0) } ?? Self.noPlace
            let former = placeBySlot[number]
            placeBySlot[number] = current
            if former != current, former != Self.noPlace { moved.insert(slot) }
        }
        return moved
    }
}

// MARK: - Guests

extension Seats {
    /// The place of a primary or guest that a slot is being moved to.
    func placeOfTarget(_ address: Endpoint) -> Int? { place(of: address) ?? guestPlace(address) }

    /// Gives the target of a move a place as a guest; `nil` if it has a place, or none is free.
    mutating func invite(_ address: Endpoint, _ now: MonotonicTime) -> Int? {
        guard placeOfTarget(address) == nil, guests.count < Self.guestsMax,
            let place = freePlace([], [])
        else { return nil }
        let until = now.advanced(byMilliseconds: Self.guestMilliseconds)
        guests.append(Guest(place: place, address: address, until: until))
        return place
    }

    /// A command was redirected to a guest, so it stays longer.
    mutating func extendStay(of address: Endpoint, _ now: MonotonicTime) {
        for index in guests.indices where guests[index].address == address {
            guests[index].until = now.advanced(byMilliseconds: Self.guestMilliseconds)
        }
    }

    /// When the first guest leaves.
    var guestsDue: MonotonicTime { guests.lazy.map(\.until).min() ?? .never }

    /// Removes the guests that now have a primary's place as well; returns their places as guests.
    private mutating func dismissSeatedGuests() -> [Int] {
        let seated = guests.filter { guest in servers.contains { $0?.address == guest.address } }
        guests.removeAll { guest in seated.contains { $0.place == guest.place } }
        return seated.map(\.place)
    }

    /// Removes the guests whose time is over; returns their places.
    mutating func dismissGuests(_ now: MonotonicTime) -> [Int] {
        let places = guests.filter { $0.until <= now }.map(\.place)
        guests.removeAll { $0.until <= now }
        return places
    }
}

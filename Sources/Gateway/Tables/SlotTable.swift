/// Elements in slots that are reused, with handles that detect whether an element is still there.
///
/// To insert and to remove moves a few numbers; memory is reused.
struct SlotTable<Element> {
    /// Identifies an element: a slot, and how often it was used before.
    struct Handle: Equatable {
        let slot: Int
        fileprivate let generation: UInt32

        fileprivate init(slot: Int, generation: UInt32) {
            self.slot = slot
            self.generation = generation
        }

        /// The handle as a number, never 0.
        var number: UInt64 { UInt64(generation) << 32 | UInt64(slot) }

        /// The handle with a number, which may never have been issued.
        init(number: UInt64) {
            generation = UInt32(truncatingIfNeeded: number >> 32)
            slot = Int(UInt32(truncatingIfNeeded: number))
        }
    }

    private struct Slot {
        var generation: UInt32 = 1
        var isUsed = true
        var element: Element
    }

    private var slots: [Slot] = []
    private var freeSlots: [Int] = []

    /// The slots in use.
    var usedSlots: some Sequence<Int> { slots.indices.lazy.filter { slots[$0].isUsed } }

    /// The element in a used slot.
    subscript(slot: Int) -> Element {
        _read { yield slots[slot].element }
        _modify { yield &slots[slot].element }
    }

    /// Whether an element has not been removed.
    func contains(_ handle: Handle) -> Bool {
        slots.indices.contains(handle.slot) && slots[handle.slot].isUsed
            && slots[handle.slot].generation == handle.generation
    }

    /// The handle of the element in a used slot.
    func handle(_ slot: Int) -> Handle {
        Handle(slot: slot, generation: slots[slot].generation)
    }

    mutating func insert(_ element: Element) -> Handle {
        guard let slot = freeSlots.popLast() else {
            slots.append(Slot(element: element))
            return handle(slots.count - 1)
        }
        slots[slot].isUsed = true
        slots[slot].element = element
        return handle(slot)
    }

    /// Frees a used slot.
    mutating func remove(_ slot: Int) {
        slots[slot].isUsed = false
        slots[slot].generation = max(1, slots[slot].generation &+ 1)
        freeSlots.append(slot)
    }
}

import DequeModule
import KeyFormat

/// Reads of records, from when somebody needs one until it is answered.
///
/// Of each record at most one read waits to be sent; of those under way at most the last one may be
/// kept when it is answered, and none that news have overtaken.
struct InflightReads {
    /// Names a read until it is ended.
    typealias ID = Int

    private enum State {
        case unsent
        case underWay
        case ended
    }

    private struct Read {
        let locator: Locator
        var state = State.unsent
        var isWanted = false
        var mayKeep = false
    }

    private static let chainCount = 1024

    private var reads: [Read] = []
    private var freeIDs: [ID] = []
    private var unsent: Deque<ID> = []
    private var chains = SlotChains(count: chainCount)

    /// The read of a record that is to be sent: a new one where none is.
    mutating func toBeSent(_ locator: Locator) -> ID {
        let unsent = chains.first(locator) { id in
            reads[id].locator == locator && reads[id].state == .unsent
        }
        return unsent ?? begin(locator)
    }

    #if CANARIES
        /// Any read of a record, sent or not.
        func any(_ locator: Locator) -> ID? {
            chains.first(locator) { reads[$0].locator == locator }
        }
    #endif

    /// Makes a read go on even if nobody waits for it.
    mutating func want(_ id: ID) {
        reads[id].isWanted = true
    }

    /// Whether a read goes on even if nobody waits for it.
    func isWanted(_ id: ID) -> Bool { reads[id].isWanted }

    /// Whether reads are to be sent.
    var hasUnsent: Bool { !unsent.isEmpty }

    /// Takes the next read that is to be sent: it is under way from now on.
    mutating func takeUnsent() -> ID? {
        guard let id = unsent.popFirst() else { return nil }
        reads[id].state = .underWay
        return id
    }

    /// A read is sent, and overtakes those of its record that were sent before.
    ///
    /// - Parameter mayKeep: Whether changes of its record will be told from now on.
    mutating func sent(_ id: ID, mayKeep: Bool) {
        overtake(reads[id].locator)
        reads[id].mayKeep = mayKeep
    }

    /// Whether a number is that of a read that was sent and has not ended.
    func isUnderWay(_ id: ID) -> Bool { reads.indices.contains(id) && reads[id].state == .underWay }

    /// What a read asks for.
    func locator(of id: ID) -> Locator { reads[id].locator }

    /// Whether the answer to a read may be kept.
    func mayKeep(_ id: ID) -> Bool { reads[id].mayKeep }

    /// A record has changed: those of its reads that are under way are overtaken.
    mutating func overtake(_ locator: Locator) {
        var next = chains.first(locator)
        while let id = next {
            if reads[id].locator == locator { reads[id].mayKeep = false }
            next = chains.next(id)
        }
    }

    /// All reads that are under way are overtaken.
    mutating func overtakeAll() {
        for id in reads.indices { reads[id].mayKeep = false }
    }

    /// Ends a read that is under way, or that nobody needs any more.
    mutating func end(_ id: ID) {
        chains.remove(id, reads[id].locator)
        reads[id].state = .ended
        freeIDs.append(id)
    }

    private mutating func begin(_ locator: Locator) -> ID {
        let id = freeIDs.popLast() ?? reads.count
        let read = Read(locator: locator)
        if id == reads.count { reads.append(read) } else { reads[id] = read }
        chains.add(id, locator)
        unsent.append(id)
        return id
    }
}

import Glibc
import KeyFormat

/// Keys that were issued here and that no record is known to have as the active one: replaced,
/// revoked, or the one before that goes on for a while.
///
/// Clients that nobody has told go on sending them. A text that has the fingerprint of one is that
/// key; what the key is good for, its organization's record tells each time. There is room for those
/// that come often: of two with the same place the later one has it. Only what was issued here gets
/// a place.
struct FormerKeys: ~Copyable {
    /// Zeros where no key is, which is no text's fingerprint. Memory that was never written to costs
    /// nothing.
    private let keys: UnsafeMutablePointer<VerifiedKey>
    private let mask: Int

    /// - Parameter countMax: A power of two.
    init(countMax: Int) {
        precondition(countMax.nonzeroBitCount == 1, "the places are chosen by bits")
        guard let memory = calloc(countMax, MemoryLayout<VerifiedKey>.stride)
        else { preconditionFailure("no memory for earlier keys") }
        mask = countMax - 1
        keys = memory.bindMemory(to: VerifiedKey.self, capacity: countMax)
    }

    deinit {
        free(keys)
    }

    /// The key whose text has a fingerprint.
    func key(_ fingerprint: Fingerprint) -> VerifiedKey? {
        let key = keys[place(fingerprint)]
        return key.fingerprint == fingerprint ? key : nil
    }

    /// A text was verified as a key: it is recognized from now on.
    func remember(_ key: VerifiedKey) {
        keys[place(key.fingerprint)] = key
    }

    private func place(_ fingerprint: Fingerprint) -> Int {
        Int(truncatingIfNeeded: fingerprint.tableHash) & mask
    }
}

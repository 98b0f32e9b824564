import Glibc
import KeyFormat

/// Keys that were issued here and are not active: replaced, revoked, or the previous one in its grace.
///
/// Clients without the new key keep sending them. A text with a former key's fingerprint is that key;
/// what it is good for, the organization's record says each time. The table is direct-mapped: of two
/// keys with the same index the newer one stays. Only issued keys enter it.
struct FormerKeys: ~Copyable {
    /// Zeros mean no key: no text has that fingerprint. Untouched memory costs nothing.
    private let keys: UnsafeMutablePointer<VerifiedKey>
    private let mask: Int

    /// - Parameter countMax: A power of two.
    init(countMax: Int) {
        precondition(countMax.nonzeroBitCount == 1, "the index is taken from bits")
        guard let memory = calloc(countMax, MemoryLayout<VerifiedKey>.stride)
        else { preconditionFailure("no memory for former keys") }
        mask = countMax - 1
        keys = memory.bindMemory(to: VerifiedKey.self, capacity: countMax)
    }

    deinit {
        free(keys)
    }

    /// The key with a fingerprint.
    func key(_ fingerprint: Fingerprint) -> VerifiedKey? {
        let key = keys[index(fingerprint)]
        return key.fingerprint == fingerprint ? key : nil
    }

    /// Recognizes a verified key from now on.
    func remember(_ key: VerifiedKey) {
        keys[index(key.fingerprint)] = key
    }

    private func index(_ fingerprint: Fingerprint) -> Int {
        Int(truncatingIfNeeded: fingerprint.tableHash) & mask
    }
}

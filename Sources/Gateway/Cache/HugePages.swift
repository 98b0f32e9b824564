import Glibc

/// Zeroed memory for random access, in huge pages where the system has them: with small pages the TLB
/// miss costs as much as the access.
///
/// Untouched memory costs nothing. Touched memory is committed up to two megabytes at a time.
struct HugePages: ~Copyable {
    private static let hugePageLength = 2 << 20

    let start: UnsafeMutableRawPointer
    private let mapping: UnsafeMutableRawPointer
    private let mappingLength: Int

    /// Maps memory. A worker that gets none cannot start.
    init(byteCount: Int) {
        mappingLength = byteCount + Self.hugePageLength
        mapping = mmap(
            nil,
            mappingLength,
            PROT_READ | PROT_WRITE,
            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
            -1,
            0
        )
        precondition(mapping != MAP_FAILED, "no memory for the cache")
        start = mapping.alignedUp(toMultipleOf: Self.hugePageLength)
        madvise(start, byteCount, MADV_HUGEPAGE)
    }

    deinit {
        munmap(mapping, mappingLength)
    }
}

import Glibc

/// Memory of zeros that is looked up at random, in huge pages where the system has them: with small
/// ones, finding the page costs as much as the lookup.
///
/// What was never touched costs nothing; what is touched, up to two megabytes at a time.
struct HugePages: ~Copyable {
    private static let hugePageLength = 2 << 20

    let start: UnsafeMutableRawPointer
    private let mapping: UnsafeMutableRawPointer
    private let mappingLength: Int

    /// Memory for so many bytes. Without it a worker cannot begin: there is nothing to go on with.
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

import CHiredis

/// Overwrites bytes with zeros; the compiler does not optimize this away.
func wipe(_ bytes: UnsafeMutableRawBufferPointer) {
    if let start = bytes.baseAddress { explicit_bzero(start, bytes.count) }
}

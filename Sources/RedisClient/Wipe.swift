import CHiredis

/// Overwrites bytes with zeros, in a way that the compiler does not leave out.
func wipe(_ bytes: UnsafeMutableRawBufferPointer) {
    if let start = bytes.baseAddress { explicit_bzero(start, bytes.count) }
}

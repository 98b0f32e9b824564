import Glibc

/// Writes to descriptors.
public enum Output {
    /// Whether a descriptor is open for writing and, if it is a pipe, has a reader.
    public static func isOpen(_ descriptor: Int32) -> Bool {
        let flags = fcntl(descriptor, F_GETFL)
        var state = pollfd(fd: descriptor, events: 0, revents: 0)
        guard flags >= 0, flags & O_ACCMODE != O_RDONLY, poll(&state, 1, 0) >= 0 else {
            return false
        }
        return state.revents & Int16(POLLERR) == 0
    }

    /// Writes all bytes. Returns `false` on failure, with the reason in `errno`.
    public static func write(_ bytes: Span<UInt8>, to descriptor: Int32) -> Bool {
        bytes.withUnsafeBytes { bytes in
            var start = 0
            while start < bytes.count {
                let count = Glibc.write(descriptor, bytes.baseAddress! + start, bytes.count - start)
                if count > 0 { start += count } else if errno != EINTR { return false }
            }
            return true
        }
    }
}

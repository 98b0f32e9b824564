import Glibc
import KeyFormat

/// A file that did not exist before, and that goes away again unless it is kept.
public struct NewFile: ~Copyable {
    private let path: String
    private let descriptor: Int32
    private var isKept = false

    /// Makes an empty file. Fails where there is one of that name, or a link.
    ///
    /// - Parameter mode: Its permissions, whatever the umask.
    public init(_ path: String, mode: mode_t) throws(AdministrationError) {
        descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        self.path = path
        guard descriptor >= 0 else {
            let reason = errno == EEXIST ? "there is one already" : String(cString: strerror(errno))
            throw AdministrationError(.data, "\(path) was not made: \(reason)")
        }
        fchmod(descriptor, mode)
    }

    deinit {
        guard descriptor >= 0 else { return }
        close(descriptor)
        if !isKept { unlink(path) }
    }

    /// Writes the whole contents, waits until they are on the disk, and keeps the file.
    public mutating func keep(_ contents: Span<UInt8>) throws(AdministrationError) {
        guard Output.write(contents, to: descriptor), fsync(descriptor) == 0 else {
            throw AdministrationError(
                .output,
                "\(path) could not be written: \(String(cString: strerror(errno)))"
            )
        }
        isKept = true
    }
}

/// Writing that notices when it fails.
public enum Output {
    /// Whether a descriptor takes bytes: it was opened for writing, and a pipe has a reader.
    public static func isOpen(_ descriptor: Int32) -> Bool {
        let flags = fcntl(descriptor, F_GETFL)
        var state = pollfd(fd: descriptor, events: 0, revents: 0)
        guard flags >= 0, flags & O_ACCMODE != O_RDONLY, poll(&state, 1, 0) >= 0 else {
            return false
        }
        return state.revents & Int16(POLLERR) == 0
    }

    /// Writes all bytes. Returns `false`, with the reason in `errno`, where that is not possible.
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

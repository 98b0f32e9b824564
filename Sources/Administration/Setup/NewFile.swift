import Glibc
import KeyFormat

/// A file that goes away again unless it is kept. It is new, or takes the place of another one, in
/// one step, when it is kept.
public struct NewFile: ~Copyable {
    private let path: String
    private let temporary: String?
    private let descriptor: Int32
    private var isCommitted = false

    /// Makes an empty file. Fails where there is one of that name, or a link, unless it is to be
    /// replaced.
    ///
    /// - Parameters:
    ///   - mode: Its permissions, whatever the umask.
    ///   - isReplacing: Whether it takes the place of a file that may be there.
    public init(_ path: String, mode: mode_t, isReplacing: Bool = false)
        throws(AdministrationError)
    {
        self.path = path
        temporary = isReplacing ? "\(path).\(getpid()).new" : nil
        descriptor = open(
            temporary ?? path,
            O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
            0o600
        )
        guard descriptor >= 0 else {
            let reason = errno == EEXIST ? "it already exists" : String(cString: strerror(errno))
            throw AdministrationError(.data, "\(path) was not created: \(reason)")
        }
        if isReplacing, !Self.mayBeReplaced(path) {
            throw AdministrationError(.data, "\(path) was not replaced: it is not a regular file")
        }
        fchmod(descriptor, mode)
    }

    private static func mayBeReplaced(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) != 0 || status.st_mode & S_IFMT == S_IFREG
    }

    deinit {
        guard descriptor >= 0 else { return }
        close(descriptor)
        if !isCommitted { unlink(temporary ?? path) }
    }

    /// Makes sure that so many bytes will fit, before anything is done that depends on it.
    public func reserve(_ count: Int) throws(AdministrationError) {
        let result = posix_fallocate(descriptor, 0, off_t(count))
        guard result == 0 || result == EOPNOTSUPP || result == EINVAL else {
            throw AdministrationError(
                .data,
                "\(path) was not created: \(String(cString: strerror(result)))"
            )
        }
    }

    /// Gives the file to an account and a group. Whether that was allowed.
    @discardableResult
    public func give(to user: uid_t, _ group: gid_t) -> Bool {
        fchown(descriptor, user, group) == 0
    }

    /// Writes the whole contents, waits until they are on the disk, and keeps the file.
    public mutating func commit(_ contents: Span<UInt8>) throws(AdministrationError) {
        guard Output.write(contents, to: descriptor),
            ftruncate(descriptor, off_t(contents.count)) == 0, fsync(descriptor) == 0,
            temporary.map({ rename($0, path) == 0 }) ?? true
        else {
            throw AdministrationError(
                .output,
                "\(path) could not be written: \(String(cString: strerror(errno)))"
            )
        }
        isCommitted = true
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

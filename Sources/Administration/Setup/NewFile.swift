import Glibc
import KeyFormat

/// A new file that is deleted unless it is committed. A file that replaces another does so atomically,
/// when it is committed.
public struct NewFile: ~Copyable {
    private let path: String
    private let temporary: String?
    private let descriptor: Int32
    private var isCommitted = false

    /// Creates an empty file.
    ///
    /// - Parameters:
    ///   - mode: Its permissions, regardless of the umask.
    ///   - isReplacing: Whether it may replace an existing file.
    /// - Throws: An error if the file exists and must not be replaced, is not a regular file, or cannot be
    ///   created.
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

    /// Reserves room on the disk, before anything is done that depends on it.
    ///
    /// - Throws: An error if the disk is full.
    public func reserve(_ count: Int) throws(AdministrationError) {
        let result = posix_fallocate(descriptor, 0, off_t(count))
        guard result == 0 || result == EOPNOTSUPP || result == EINVAL else {
            throw AdministrationError(
                .data,
                "\(path) was not created: \(String(cString: strerror(result)))"
            )
        }
    }

    /// Changes the file's owner and group. Returns whether that was permitted.
    @discardableResult
    public func give(to user: uid_t, _ group: gid_t) -> Bool {
        fchown(descriptor, user, group) == 0
    }

    /// Writes the contents, waits until they are on disk, and keeps the file.
    ///
    /// - Throws: An error if they could not be written; the file is then deleted.
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

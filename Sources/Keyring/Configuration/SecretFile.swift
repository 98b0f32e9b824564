import Glibc
import KeyFormat

/// Reads files that hold secrets, and refuses those that everybody may read.
public enum SecretFile {
    /// Longest file in bytes.
    public static let lengthMax = 16_384

    /// Why a file was not read.
    public enum Fault: Error, Equatable, Sendable {
        case missing
        /// The caller may not read it. Whose it is tells a wrong caller from a wrong file.
        case notPermitted(ownedByCaller: Bool)
        case readableByOthers
        case notAFile
        case tooLong
        case system(errno: Int32)
    }

    /// Reads a regular file that only its owner and group may use.
    public static func read(_ path: String) throws(Fault) -> SecretBytes {
        // Not to block where somebody put a FIFO in the file's place.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
        guard descriptor >= 0 else { throw openFault(errno, path) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .system(errno: errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notAFile }
        guard status.st_mode & S_IRWXO == 0 else { throw .readableByOthers }
        guard status.st_size <= lengthMax else { throw .tooLong }
        return try SecretBytes(capacity: lengthMax + 1) { storage throws(Fault) in
            let count = try readAll(descriptor, into: storage)
            guard count <= lengthMax else { throw .tooLong }
            return count
        }
    }

    private static func readAll(
        _ descriptor: Int32,
        into storage: UnsafeMutableBufferPointer<UInt8>
    ) throws(Fault) -> Int {
        var count = 0
        while count < storage.count {
            let result = Glibc.read(descriptor, storage.baseAddress! + count, storage.count - count)
            if result == 0 { break }
            if result > 0 { count += result } else if errno != EINTR { throw .system(errno: errno) }
        }
        return count
    }

    private static func openFault(_ number: Int32, _ path: String) -> Fault {
        switch number {
        case ENOENT, ENOTDIR: return .missing
        case EACCES, EPERM:
            var status = stat()
            let ownedByCaller = stat(path, &status) == 0 && status.st_uid == getuid()
            return .notPermitted(ownedByCaller: ownedByCaller)
        default: return .system(errno: number)
        }
    }
}

extension SecretFile.Fault: CustomStringConvertible {
    /// What is wrong and what to do, as the end of a sentence that begins with the file's path.
    public var description: String {
        switch self {
        case .missing: "does not exist: run \"latchkey init\", or name the right file"
        case .notPermitted: "may not be read by this account: act as root, or as its owner"
        case .readableByOthers: "may be used by every account: run \"chmod o= FILE\""
        case .notAFile: "is not a regular file"
        case .tooLong: "is longer than \(SecretFile.lengthMax) bytes"
        case .system(let number): "cannot be read: \(String(cString: strerror(number)))"
        }
    }
}

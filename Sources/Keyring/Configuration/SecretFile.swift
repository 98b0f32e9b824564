import Glibc
import KeyFormat

/// Reads files that hold secrets, and rejects files that every account may access.
public enum SecretFile {
    /// Longest file, in bytes.
    public static let lengthMax = 16_384

    /// Why a file was rejected.
    public enum Fault: Error, Equatable, Sendable {
        case missing
        /// This account may not read the file. The owner distinguishes a wrong account from a wrong mode.
        case notPermitted(ownedByCaller: Bool)
        case readableByOthers
        case notAFile
        case tooLong
        case system(errno: Int32)
    }

    /// Reads a regular file that only its owner and group may access.
    ///
    /// - Throws: The reason; nothing that was read is left in memory.
    public static func read(_ path: String) throws(Fault) -> SecretBytes {
        // Do not block if a FIFO has taken the place of the file.
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
    /// What is wrong and how to fix it, as the predicate of a sentence whose subject is the path.
    public var description: String {
        switch self {
        case .missing: "does not exist: run \"latchkey init\", or correct the path"
        case .notPermitted: "cannot be read by this account: use root or the owner of the file"
        case .readableByOthers: "is accessible to every account: run \"chmod o= FILE\""
        case .notAFile: "is not a regular file"
        case .tooLong: "is longer than \(SecretFile.lengthMax) bytes"
        case .system(let number): "cannot be read: \(String(cString: strerror(number)))"
        }
    }
}

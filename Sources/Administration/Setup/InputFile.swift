import Glibc

/// Reads a whole file, or standard input for `-`.
public enum InputFile {
    /// Longest file in bytes: a million organizations with room to spare.
    private static let lengthMax = 1 << 29

    /// - Throws: An error if the file cannot be read, or is too long.
    public static func read(_ path: String) throws(AdministrationError) -> [UInt8] {
        let descriptor = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)
        guard descriptor >= 0 else { throw fault(path, String(cString: strerror(errno))) }
        defer { if descriptor != STDIN_FILENO { close(descriptor) } }
        var contents: [UInt8] = []
        while true {
            guard let piece = piece(of: descriptor) else {
                throw fault(path, String(cString: strerror(errno)))
            }
            guard !piece.isEmpty else { return contents }
            guard contents.count + piece.count <= lengthMax else {
                throw fault(path, "it is too long")
            }
            contents += piece
        }
    }

    /// The next bytes; none at the end, and `nil` on failure, with the reason in `errno`.
    static func piece(of descriptor: Int32) -> [UInt8]? {
        var length = 0
        let piece = [UInt8](unsafeUninitializedCapacity: 1 << 18) { buffer, count in
            repeat {
                length = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            } while length < 0 && errno == EINTR
            count = max(0, length)
        }
        return length < 0 ? nil : piece
    }

    private static func fault(_ path: String, _ reason: String) -> AdministrationError {
        AdministrationError(
            .data,
            "\(path == "-" ? "standard input" : path) cannot be read: \(reason)"
        )
    }
}

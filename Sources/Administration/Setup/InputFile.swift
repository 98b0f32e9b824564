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
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count == 0 { return contents }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw fault(path, String(cString: strerror(errno))) }
            guard contents.count + count <= lengthMax else { throw fault(path, "it is too long") }
            contents += buffer[..<count]
        }
    }

    private static func fault(_ path: String, _ reason: String) -> AdministrationError {
        AdministrationError(
            .data,
            "\(path == "-" ? "standard input" : path) cannot be read: \(reason)"
        )
    }
}

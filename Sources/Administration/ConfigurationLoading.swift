import Glibc
import Keyring

extension Configuration {
    /// Reads the configuration file.
    public init(file path: String) throws(AdministrationError) {
        do throws(ConfigurationFault) {
            try self.init(ConfigurationFile.directives(in: try Self.contents(path)))
        } catch {
            let place = error.line.map { "\(path):\($0)" } ?? path
            throw AdministrationError(.configuration, "\(place): \(error.message)")
        }
    }

    /// Longest file in bytes.
    private static let lengthMax = 1 << 20

    private static func contents(_ path: String) throws(ConfigurationFault) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
        guard descriptor >= 0 else {
            let hint =
                errno == ENOENT ? ": run \"latchkey init\", or name the file with --config" : ""
            throw ConfigurationFault("cannot be read: \(String(cString: strerror(errno)))\(hint)")
        }
        defer { close(descriptor) }
        var contents: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count == 0 { return contents }
            if count < 0, errno == EINTR { continue }
            guard count > 0, contents.count + count <= lengthMax else {
                throw ConfigurationFault(
                    count < 0
                        ? "cannot be read: \(String(cString: strerror(errno)))" : "is too long"
                )
            }
            contents += buffer[..<count]
        }
    }
}

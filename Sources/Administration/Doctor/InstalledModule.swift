import Glibc
import Keyring

/// The nginx module that was installed with this executable. It cannot be loaded here, for it needs
/// nginx; its file says in words what it is.
struct InstalledModule {
    /// nginx, as the module was built for it.
    struct Server: Equatable {
        /// Where it looks for its configuration.
        let configurationFile: String
        /// Whose its workers are where the configuration does not say.
        let user: String
        let group: String

        /// The same with a configuration from elsewhere.
        func with(configurationFile: String?) -> Server {
            Server(
                configurationFile: configurationFile ?? self.configurationFile,
                user: user,
                group: group
            )
        }
    }

    /// Longest file that is looked at, in bytes.
    private static let lengthMax = 1 << 28

    static let path = installed("lib/nginx/modules/ngx_http_latchkey_module.so")

    /// The version of its interface to the library; `nil` where it does not say.
    let interface: UInt32?
    let server: Server?

    /// Reads the file; what is not there says nothing.
    init() {
        let contents = Self.contents(Self.path) ?? []
        interface = Self.line("latchkey interface ", in: contents).flatMap { UInt32($0) }
        let words = Self.line("latchkey nginx ", in: contents)?.split(separator: " ") ?? []
        server =
            words.count != 3
            ? nil
            : Server(
                configurationFile: String(words[0]),
                user: String(words[1]),
                group: String(words[2])
            )
    }

    /// The library that the module loads.
    static func library(_ configuration: Configuration) -> String {
        configuration.libraryFile ?? installed("lib/latchkey/liblatchkey.so")
    }

    /// A file that was installed with this executable.
    private static func installed(_ name: String) -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        let bytes = buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }
        let parts = String(decoding: bytes, as: UTF8.self).split(separator: "/").dropLast(2)
        return "/" + (parts + [Substring(name)]).joined(separator: "/")
    }

    /// What stands behind a mark, up to the end of the line.
    private static func line(_ marker: String, in contents: [UInt8]) -> String? {
        contents.withUnsafeBytes { bytes in
            var next = 0
            while next + marker.utf8.count < bytes.count,
                let found = memchr(
                    bytes.baseAddress! + next,
                    Int32(marker.utf8.first!),
                    bytes.count - marker.utf8.count - next
                )
            {
                next = UnsafeRawPointer(found) - bytes.baseAddress! + 1
                guard memcmp(found, marker, marker.utf8.count) == 0 else { continue }
                let text = bytes[(next - 1 + marker.utf8.count)...]
                return String(decoding: text.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
            }
            return nil
        }
    }

    private static func contents(_ path: String) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        let length = lseek(descriptor, 0, SEEK_END)
        guard length > 0, length <= lengthMax else { return nil }
        var contents = [UInt8](repeating: 0, count: Int(length))
        return pread(descriptor, &contents, contents.count, 0) == length ? contents : nil
    }
}

import Glibc
import Keyring

/// The nginx module that was installed with this executable. It cannot be loaded without nginx, so its
/// file holds a description as text.
struct InstalledModule {
    /// The nginx that the module was built for.
    struct Server: Equatable {
        /// The default path of its configuration.
        let configurationFile: String
        /// The default user of its workers.
        let user: String
        let group: String

        /// The same nginx with another configuration.
        func with(configurationFile: String?) -> Server {
            Server(
                configurationFile: configurationFile ?? self.configurationFile,
                user: user,
                group: group
            )
        }
    }

    static let path = installed("lib/nginx/modules/ngx_http_latchkey_module.so")

    /// The version of its interface to the library; `nil` if the file does not say.
    let interface: UInt32?
    let server: Server?

    /// Reads the file. Without one, everything is `nil`.
    init() {
        let contents = (try? InputFile.read(Self.path)) ?? []
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

    /// The library that a module with this interface loads.
    static func library(_ configuration: Configuration, interface: UInt32) -> String {
        configuration.libraryFile ?? installed("lib/latchkey/liblatchkey.so.\(interface)")
    }

    /// A file that was installed with this executable.
    static func installed(_ name: String) -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        let bytes = buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }
        let parts = String(decoding: bytes, as: UTF8.self).split(separator: "/").dropLast(2)
        return "/" + (parts + [Substring(name)]).joined(separator: "/")
    }

    /// The text after a marker, up to the end of the line.
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
}

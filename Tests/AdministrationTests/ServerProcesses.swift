import Glibc
import TestSupport

@testable import Administration

/// Redis servers that tests start on the loopback interface, each in a folder of its own.
final class ServerProcesses: Sendable {
    struct NotStarted: Error {}

    private let temporary = TemporaryFolder()
    private let ids: [pid_t]

    /// The folder that holds those of the servers.
    var folder: String { temporary.path }

    /// - Parameter prepare: Writes the file `conf` into a server's folder, by its number, and returns further
    ///   arguments.
    init(_ count: Int, prepare: (_ number: Int, _ home: String) throws -> [String]) throws {
        let folder = temporary.path
        ids = try (0..<count).map { number in
            let home = "\(folder)/\(number)"
            mkdir(home, 0o700)
            let arguments = try prepare(number, home)
            return try Self.spawn(["redis-server", "\(home)/conf"] + arguments)
        }
    }

    deinit {
        for id in ids {
            kill(id, SIGKILL)
            waitpid(id, nil, 0)
        }
    }

    /// Stops a server until ``thaw(_:)``, so that it does not reply.
    func freeze(_ number: Int) { kill(ids[number], SIGSTOP) }

    func thaw(_ number: Int) { kill(ids[number], SIGCONT) }

    static func write(_ lines: [String], to path: String) throws {
        var file = try NewFile(path, mode: 0o600)
        try Array((lines.joined(separator: "\n") + "\n").utf8).withUnsafeBufferPointer { bytes in
            try file.commit(bytes.span)
        }
    }

    /// Ports for servers of a test. Sockets that stay bound to them keep others from getting the same ones.
    static func freePorts(_ count: Int) throws -> [UInt16] {
        try (0..<count).map { _ in
            let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
            let descriptor = socket(AF_INET, type, 0)
            var isReusable: Int32 = 1
            let size = socklen_t(MemoryLayout<Int32>.size)
            setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &isReusable, size)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let result = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, length) == 0 ? getsockname(descriptor, $0, &length) : -1
                }
            }
            guard result == 0 else { throw NotStarted() }
            return address.sin_port.bigEndian
        }
    }

    static func spawn(_ arguments: [String]) throws -> pid_t {
        var process: pid_t = 0
        var pointers = arguments.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        guard posix_spawnp(&process, arguments[0], nil, nil, &pointers, environ) == 0
        else { throw NotStarted() }
        return process
    }
}

import Foundation
import Keyring

@testable import Administration

/// A proxy to Redis that cuts the connection at the worst moment: when a transaction is committed.
final class CuttingProxy: Sendable {
    enum Cut: Sendable {
        /// The transaction never reaches Redis.
        case before
        /// The transaction is carried out, but its reply is lost.
        case after
    }

    struct NotListening: Error {}

    let path: String
    private let listener: Int32

    /// Cuts the first transactions, one for each cut; everything else passes.
    ///
    /// - Parameters:
    ///   - delayMilliseconds: How long each connection takes.
    ///   - meanwhile: Called at each cut, before the client notices it.
    init(
        _ redis: RedisServer,
        _ cuts: [Cut],
        delayMilliseconds: UInt32 = 0,
        meanwhile: @escaping @Sendable () -> Void = {}
    ) throws {
        let path = "\(redis.folder)/proxy.sock"
        let store = redis.socket
        let listener = try Self.socket(path) { bind($0, $1, $2) }
        guard listen(listener, 16) == 0 else { throw NotListening() }
        self.path = path
        self.listener = listener
        Thread.detachNewThread {
            var cuts = cuts[...]
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0 else { break }
                usleep(1000 * delayMilliseconds)
                Self.serve(client, store, &cuts, meanwhile)
            }
            close(listener)
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
    }

    /// Forwards bytes until one side closes or the connection is cut.
    private static func serve(
        _ client: Int32,
        _ store: String,
        _ cuts: inout ArraySlice<Cut>,
        _ meanwhile: () -> Void
    ) {
        defer { close(client) }
        guard let server = try? socket(store, { Glibc.connect($0, $1, $2) }) else { return }
        defer { close(server) }
        while true {
            var ends = [
                pollfd(fd: client, events: Int16(POLLIN), revents: 0),
                pollfd(fd: server, events: Int16(POLLIN), revents: 0),
            ]
            guard poll(&ends, 2, 20_000) > 0 else { return }
            if ends[0].revents != 0 {
                guard let bytes = receive(client) else { return }
                let isTransaction = bytes.contains(Array("EXEC".utf8))
                let cut = isTransaction ? cuts.popFirst() : nil
                if cut == .before { return meanwhile() }
                guard send(server, bytes, bytes.count, 0) == bytes.count else { return }
                if cut == .after {
                    _ = receive(server)
                    return meanwhile()
                }
            }
            if ends[1].revents != 0 {
                guard let bytes = receive(server) else { return }
                guard send(client, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
                else { return }
            }
        }
    }

    private static func receive(_ descriptor: Int32) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        return count > 0 ? Array(buffer[..<count]) : nil
    }

    private static func socket(
        _ path: String,
        _ use: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) throws -> Int32 {
        let descriptor = Glibc.socket(
            AF_UNIX,
            Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue),
            0
        )
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                use(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else {
            close(descriptor)
            throw NotListening()
        }
        return descriptor
    }
}

import Glibc
import RedisClient

/// A connected, nonblocking socket whose waits have a deadline.
final class StoreSocket {
    let descriptor: Int32

    /// Connects to an endpoint. Tries all addresses of a host, so that each gets its share of the time.
    convenience init(_ endpoint: Endpoint, deadline: MonotonicTime) throws(TransportFailure) {
        switch endpoint {
        case .unix(let path): self.init(try Self.connect(path: path, deadline))
        case .tcp(let host, let port): self.init(try Self.connect(host: host, port: port, deadline))
        }
    }

    private init(_ descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
    }

    /// Waits for events of `poll()`. Returns `false` at the deadline.
    func wait(for events: Int32, until deadline: MonotonicTime) throws(TransportFailure) -> Bool {
        try Self.wait(descriptor, events, until: deadline)
    }

    /// Reads what is available: `nil` if nothing is, 0 if the peer has closed.
    func receive(into buffer: UnsafeMutableRawBufferPointer) throws(TransportFailure) -> Int? {
        try Self.transferred(
            recv(descriptor, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT))
        )
    }

    /// Writes what the peer takes: `nil` if it takes nothing.
    func send(_ bytes: UnsafeRawBufferPointer) throws(TransportFailure) -> Int? {
        let flags = Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)
        return try Self.transferred(Glibc.send(descriptor, bytes.baseAddress, bytes.count, flags))
    }

    private static func transferred(_ result: Int) throws(TransportFailure) -> Int? {
        if result >= 0 { return result }
        if errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR { return nil }
        throw .system(errno: errno)
    }

    /// Waits for events of `poll()` on any descriptor. Returns `false` at the deadline.
    static func wait(
        _ descriptor: Int32,
        _ events: Int32,
        until deadline: MonotonicTime
    ) throws(TransportFailure) -> Bool {
        var descriptors = pollfd(fd: descriptor, events: Int16(events), revents: 0)
        while true {
            let now = SystemClock.monotonicTime()
            guard now < deadline else { return false }
            let milliseconds = Int32(min(now.milliseconds(until: deadline), 60_000))
            let result = poll(&descriptors, 1, milliseconds)
            if result > 0 { return true }
            if result < 0, errno != EINTR { throw .system(errno: errno) }
        }
    }
}

// MARK: - Connecting

extension StoreSocket {
    private static func connect(path: String, _ deadline: MonotonicTime) throws(TransportFailure)
        -> Int32
    {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let fits = withUnsafeMutableBytes(of: &address.sun_path) { storage in
            guard path.utf8.count < storage.count else { return false }
            storage.copyBytes(from: path.utf8)
            return true
        }
        guard fits else { throw .system(errno: ENAMETOOLONG) }
        return try withUnsafeBytes(of: &address) { bytes throws(TransportFailure) in
            try connect(family: AF_UNIX, bytes, deadline)
        }
    }

    private static func connect(
        host: String,
        port: UInt16,
        _ deadline: MonotonicTime
    ) throws(TransportFailure) -> Int32 {
        let addresses = try HostAddresses.of(host, port, until: deadline)
        return try addresses.firstResult(until: deadline) {
            family,
            address,
            deadline throws(TransportFailure) in
            try connect(family: family, address, deadline)
        }
    }

    private static func connect(
        family: Int32,
        _ address: UnsafeRawBufferPointer,
        _ deadline: MonotonicTime
    ) throws(TransportFailure) -> Int32 {
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = socket(family, type, 0)
        guard descriptor >= 0 else { throw .system(errno: errno) }
        do throws(TransportFailure) {
            let target = address.baseAddress?.assumingMemoryBound(to: sockaddr.self)
            if Glibc.connect(descriptor, target, socklen_t(address.count)) != 0 {
                guard errno == EINPROGRESS else { throw .system(errno: errno) }
                guard try wait(descriptor, POLLOUT, until: deadline) else {
                    throw .system(errno: ETIMEDOUT)
                }
                try throwError(of: descriptor)
            }
            return descriptor
        } catch {
            close(descriptor)
            throw error
        }
    }

    private static func throwError(of descriptor: Int32) throws(TransportFailure) {
        var number: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &number, &length) == 0
        else { throw .system(errno: errno) }
        guard number == 0 else { throw .system(errno: number) }
    }
}

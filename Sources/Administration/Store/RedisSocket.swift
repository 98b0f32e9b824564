import Glibc
import RedisClient

/// A nonblocking socket whose waits have a deadline.
final class RedisSocket {
    /// Why the socket failed.
    enum Failure: Error, Equatable {
        case system(errno: Int32)
        /// An error code of getaddrinfo().
        case name(Int32)

        var description: String {
            switch self {
            case .system(let number): String(cString: strerror(number))
            case .name(let number): String(cString: gai_strerror(number))
            }
        }
    }

    private let descriptor: Int32

    /// Output between `written` and `filled`. It may hold a password, so it is wiped once sent.
    private let buffer = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 16_384)
    private var written = 0
    private var filled = 0

    /// Connects to an endpoint. Tries all addresses of a host, each until the deadline.
    convenience init(_ endpoint: Endpoint, deadline: MonotonicTime) throws(Failure) {
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
        explicit_bzero(buffer.baseAddress!, buffer.count)
        buffer.deallocate()
    }

    /// Waits until bytes can be read, or also written. Returns `false` at the deadline.
    func wait(toWrite: Bool, until deadline: MonotonicTime) throws(Failure) -> Bool {
        try Self.wait(descriptor, Int16(POLLIN) | (toWrite ? Int16(POLLOUT) : 0), deadline)
    }

    /// Reads what is available: `nil` if nothing is, 0 if the peer has closed.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int? {
        try Self.transferred(
            recv(descriptor, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT))
        )
    }

    /// Writes what `fill` produces until it produces nothing. Returns `false` when the socket is full.
    func write(_ fill: (UnsafeMutableRawBufferPointer) -> Int) throws(Failure) -> Bool {
        let flags = Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)
        while true {
            if written == filled {
                written = 0
                filled = fill(UnsafeMutableRawBufferPointer(buffer))
                if filled == 0 { return true }
            }
            let rest = UnsafeMutableRawBufferPointer(
                rebasing: UnsafeMutableRawBufferPointer(buffer)[written..<filled]
            )
            guard
                let count = try Self.transferred(
                    send(descriptor, rest.baseAddress, rest.count, flags)
                )
            else { return false }
            explicit_bzero(rest.baseAddress!, count)
            written += count
        }
    }

    private static func transferred(_ result: Int) throws(Failure) -> Int? {
        if result >= 0 { return result }
        if errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR { return nil }
        throw .system(errno: errno)
    }

    private static func wait(
        _ descriptor: Int32,
        _ events: Int16,
        _ deadline: MonotonicTime
    ) throws(Failure) -> Bool {
        var descriptors = pollfd(fd: descriptor, events: events, revents: 0)
        while true {
            let now = SystemClock.monotonicTime()
            guard now < deadline else { return false }
            let milliseconds = (deadline.nanoseconds - now.nanoseconds) / 1_000_000 + 1
            let result = poll(&descriptors, 1, Int32(min(milliseconds, 60_000)))
            if result > 0 { return true }
            if result < 0, errno != EINTR { throw .system(errno: errno) }
        }
    }
}

// MARK: - Connecting

extension RedisSocket {
    private static func connect(path: String, _ deadline: MonotonicTime) throws(Failure) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let fits = withUnsafeMutableBytes(of: &address.sun_path) { storage in
            guard path.utf8.count < storage.count else { return false }
            storage.copyBytes(from: path.utf8)
            return true
        }
        guard fits else { throw .system(errno: ENAMETOOLONG) }
        return try withUnsafeBytes(of: &address) { bytes throws(Failure) in
            try connect(family: AF_UNIX, bytes, deadline)
        }
    }

    private static func connect(
        host: String,
        port: UInt16,
        _ deadline: MonotonicTime
    ) throws(Failure) -> Int32 {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let result = getaddrinfo(host, String(port), &hints, &list)
        guard result == 0 else { throw .name(result) }
        defer { freeaddrinfo(list) }
        var failure = Failure.system(errno: EHOSTUNREACH)
        var next = list
        while let entry = next?.pointee {
            do throws(Failure) {
                let bytes = UnsafeRawBufferPointer(
                    start: entry.ai_addr,
                    count: Int(entry.ai_addrlen)
                )
                return try connect(family: entry.ai_family, bytes, deadline)
            } catch {
                failure = error
            }
            next = entry.ai_next
        }
        throw failure
    }

    private static func connect(
        family: Int32,
        _ address: UnsafeRawBufferPointer,
        _ deadline: MonotonicTime
    ) throws(Failure) -> Int32 {
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = socket(family, type, 0)
        guard descriptor >= 0 else { throw .system(errno: errno) }
        do throws(Failure) {
            let target = address.baseAddress?.assumingMemoryBound(to: sockaddr.self)
            if Glibc.connect(descriptor, target, socklen_t(address.count)) != 0 {
                guard errno == EINPROGRESS else { throw .system(errno: errno) }
                guard try wait(descriptor, Int16(POLLOUT), deadline) else {
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

    private static func throwError(of descriptor: Int32) throws(Failure) {
        var number: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &number, &length) == 0
        else { throw .system(errno: errno) }
        guard number == 0 else { throw .system(errno: number) }
    }
}

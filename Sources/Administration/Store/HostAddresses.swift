import Glibc
import RedisClient

/// The addresses of a host.
final class HostAddresses {
    private let first: UnsafeMutablePointer<addrinfo>?

    /// Looks a host up. With `AI_NUMERICHOST` no name server is asked.
    fileprivate init(_ host: String, _ port: UInt16, flags: Int32) throws(TransportFailure) {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = flags
        var list: UnsafeMutablePointer<addrinfo>?
        let result = getaddrinfo(host, String(port), &hints, &list)
        first = list
        guard result == 0 else { throw .name(result) }
    }

    deinit {
        freeaddrinfo(first)
    }

    /// The first result of `body`, which gets each address in turn, and an equal share of the time that is left.
    ///
    /// - Parameters:
    ///   - deadline: Of the last address.
    ///   - body: Gets an address' family, its bytes, and its deadline.
    /// - Throws: The last failure of `body`, if there is no result.
    func firstResult<Value>(
        until deadline: MonotonicTime,
        _ body: (Int32, UnsafeRawBufferPointer, MonotonicTime) throws(TransportFailure) -> Value
    ) throws(TransportFailure) -> Value {
        var failure = TransportFailure.system(errno: EHOSTUNREACH)
        for (index, entry) in entries.enumerated() {
            let now = SystemClock.monotonicTime()
            let share = now.milliseconds(until: deadline) / UInt64(entries.count - index)
            do throws(TransportFailure) {
                let bytes = UnsafeRawBufferPointer(
                    start: entry.ai_addr,
                    count: Int(entry.ai_addrlen)
                )
                return try body(entry.ai_family, bytes, now.advanced(byMilliseconds: share))
            } catch {
                failure = error
            }
        }
        throw failure
    }

    private var entries: [addrinfo] {
        Array(sequence(first: first) { $0?.pointee.ai_next }.prefix { $0 != nil })
            .compactMap { $0?.pointee }
    }

    /// Looks a host up.
    static func of(_ host: String, _ port: UInt16, until deadline: MonotonicTime)
        throws(TransportFailure) -> HostAddresses
    {
        if let numeric = try? HostAddresses(host, port, flags: AI_NUMERICHOST) { return numeric }
        return try NameLookup.addresses(host, port, until: deadline)
    }
}

/// A lookup in a thread of its own, because getaddrinfo() has no timeout.
///
/// A lookup that takes too long is left alone, and ends with its thread or the process. getaddrinfo_a()
/// would not end it either: glibc cannot cancel a request that it has begun to carry out.
private final class NameLookup: @unchecked Sendable {
    private let host: String
    private let port: UInt16

    /// A socket that the thread closes once it has written the outcome.
    private let end: Int32
    private var outcome = Result<HostAddresses, TransportFailure>.failure(.slowName)

    private init(_ host: String, _ port: UInt16, end: Int32) {
        (self.host, self.port, self.end) = (host, port, end)
    }

    static func addresses(_ host: String, _ port: UInt16, until deadline: MonotonicTime)
        throws(TransportFailure) -> HostAddresses
    {
        var ends: [Int32] = [-1, -1]
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, type, 0, &ends) == 0 else { throw .system(errno: errno) }
        defer { close(ends[0]) }
        let lookup = NameLookup(host, port, end: ends[1])
        try lookup.start()
        guard try StoreSocket.wait(ends[0], POLLIN, until: deadline) else { throw .slowName }
        return try lookup.outcome.get()
    }

    /// Starts the thread. It receives no signals: the main thread defers them.
    private func start() throws(TransportFailure) {
        var signals = sigset_t()
        var earlier = sigset_t()
        sigfillset(&signals)
        pthread_sigmask(SIG_SETMASK, &signals, &earlier)
        defer { pthread_sigmask(SIG_SETMASK, &earlier, nil) }
        let own = Unmanaged.passRetained(self)
        var thread = pthread_t()
        let result = pthread_create(
            &thread,
            nil,
            { own in
                own.map { Unmanaged<NameLookup>.fromOpaque($0).takeRetainedValue().run() }
                return nil
            },
            own.toOpaque()
        )
        guard result == 0 else {
            own.release()
            close(end)
            throw .system(errno: result)
        }
        pthread_detach(thread)
    }

    private func run() {
        outcome = Result { () throws(TransportFailure) in
            try HostAddresses(host, port, flags: 0)
        }
        close(end)
    }
}

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

    /// Looks a host up. Name servers are asked in a thread of its own, because getaddrinfo() has no
    /// timeout. getaddrinfo_a() would not end a lookup either: glibc cannot cancel a request that it has
    /// begun to carry out.
    static func of(_ host: String, _ port: UInt16, until deadline: MonotonicTime)
        throws(TransportFailure) -> HostAddresses
    {
        if let numeric = try? HostAddresses(host, port, flags: AI_NUMERICHOST) { return numeric }
        let lookup = try BackgroundTask {
            Result { () throws(TransportFailure) in try HostAddresses(host, port, flags: 0) }
        }
        guard try StoreSocket.wait(lookup.descriptor, POLLIN, until: deadline),
            let addresses = lookup.result
        else { throw .slowName }
        return try addresses.get()
    }
}

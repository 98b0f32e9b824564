import Glibc
import RedisClient

/// Carries bytes to the store and back. Only ``wait(until:)`` blocks.
protocol StoreTransport: AnyObject {
    /// The certificates by which the store proved itself, its own first; none without TLS.
    var certificates: [Certificate] { get }

    /// Waits until there may be bytes to read, or a write that was held up may go on. Returns `false` at
    /// the deadline.
    func wait(until deadline: MonotonicTime) throws(TransportFailure) -> Bool

    /// Reads what is available: `nil` if nothing is, 0 if the store has closed.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(TransportFailure) -> Int?

    /// Writes what `fill` produces until it produces nothing, or the store takes no more.
    func write(_ fill: (UnsafeMutableRawBufferPointer) -> Int) throws(TransportFailure)
}

/// Why a connection failed or was lost.
enum TransportFailure: Error, Equatable {
    case system(errno: Int32)
    /// An error code of getaddrinfo().
    case name(Int32)
    /// No name server has answered in time.
    case slowName
    /// The handshake failed, or the store broke TLS off: what is wrong, with the store as the subject.
    case tls(String)
    /// The store has not proven itself: what is wrong, with the store as the subject.
    case untrusted(String)
    /// The handshake did not end in time.
    case slowHandshake

    var description: String {
        switch self {
        case .system(let number): String(cString: strerror(number))
        case .name(let number): String(cString: gai_strerror(number))
        case .slowName: "its name was not resolved in time"
        case .tls(let text), .untrusted(let text): text
        case .slowHandshake: "it did not complete the TLS handshake in time"
        }
    }
}

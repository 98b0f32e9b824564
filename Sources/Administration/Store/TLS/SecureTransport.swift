import Glibc
import RedisClient

/// A socket with TLS, to a store that has proven its name.
final class SecureTransport: StoreTransport {
    private let socket: StoreSocket
    private let session: TLSSession
    private let output = TransportOutput()

    /// What reading and writing wait for. Each may wait for the other direction of the socket.
    private var readEvents = POLLIN
    private var writeEvents: Int32 = 0

    /// Shakes hands and verifies the store's certificate, until the deadline.
    ///
    /// - Parameter name: The host name or IP address that it must be for.
    init(
        _ socket: StoreSocket,
        _ context: TLSContext,
        name: String,
        deadline: MonotonicTime
    ) throws(TransportFailure) {
        self.socket = socket
        session = try TLSSession(context, socket, name: name)
        while case .blocked(let events) = try session.shakeHands() {
            guard try socket.wait(for: events, until: deadline) else { throw .slowHandshake }
        }
    }

    var certificates: [Certificate] { session.certificates }

    func wait(until deadline: MonotonicTime) throws(TransportFailure) -> Bool {
        if session.hasPending { return true }
        return try socket.wait(for: readEvents | writeEvents, until: deadline)
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(TransportFailure) -> Int? {
        readEvents = POLLIN
        switch try session.read(into: buffer) {
        case .done(let count): return count
        case .closed: return 0
        case .blocked(let events):
            readEvents = events
            return nil
        }
    }

    func write(_ fill: (UnsafeMutableRawBufferPointer) -> Int) throws(TransportFailure) {
        writeEvents = 0
        try output.drain(fill) { bytes throws(TransportFailure) in
            switch try session.write(bytes) {
            case .done(let count): return count
            case .closed: throw .system(errno: EPIPE)
            case .blocked(let events):
                writeEvents = events
                return nil
            }
        }
    }
}

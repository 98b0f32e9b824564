import Glibc
import RedisClient

/// A socket without TLS.
final class PlainTransport: StoreTransport {
    private let socket: StoreSocket
    private let output = TransportOutput()

    init(_ socket: StoreSocket) {
        self.socket = socket
    }

    var certificates: [Certificate] { [] }

    func wait(until deadline: MonotonicTime) throws(TransportFailure) -> Bool {
        let events = output.isEmpty ? POLLIN : POLLIN | POLLOUT
        return try socket.wait(for: events, until: deadline)
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(TransportFailure) -> Int? {
        try socket.receive(into: buffer)
    }

    func write(_ fill: (UnsafeMutableRawBufferPointer) -> Int) throws(TransportFailure) {
        try output.drain(fill) { bytes throws(TransportFailure) in try socket.send(bytes) }
    }
}

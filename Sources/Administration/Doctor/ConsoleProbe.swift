import Glibc
import RedisClient

/// Asks the console whether it is ready, as a monitor does.
struct ConsoleProbe {
    private static let request =
        "GET /readyz HTTP/1.1\r\nHost: console\r\nConnection: close\r\n\r\n"

    /// The status line of an answer is not longer, in bytes.
    private static let lengthMax = 64

    let endpoint: Endpoint

    /// The status of the answer; `nil` if the answer is not HTTP.
    ///
    /// - Parameter milliseconds: How long to wait.
    /// - Throws: Why there is none.
    func status(within milliseconds: UInt64) throws(TransportFailure) -> Int? {
        let deadline = SystemClock.monotonicTime().advanced(byMilliseconds: milliseconds)
        let socket = try StoreSocket(endpoint, deadline: deadline)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1024, alignment: 1)
        defer { buffer.deallocate() }
        buffer.copyBytes(from: Self.request.utf8)
        let request = UnsafeRawBufferPointer(rebasing: buffer[..<Self.request.utf8.count])
        _ = try socket.send(request)
        var answer: [UInt8] = []
        while answer.count < Self.lengthMax {
            guard try socket.wait(for: POLLIN, until: deadline) else {
                throw .system(errno: ETIMEDOUT)
            }
            guard let count = try socket.receive(into: buffer) else { continue }
            guard count > 0 else { break }
            answer += buffer.prefix(count)
        }
        let words = String(decoding: answer.prefix(Self.lengthMax), as: UTF8.self).split(
            separator: " "
        )
        guard words.count > 1, words[0] == "HTTP/1.1" else { return nil }
        return Int(words[1])
    }
}

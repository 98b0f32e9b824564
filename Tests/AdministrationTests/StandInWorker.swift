import Foundation
import Keyring
import RedisClient
import TestSupport

@testable import Administration

/// A stand-in for an nginx worker: Redis sends it invalidations, and it acknowledges the signals in them.
///
/// It listens until Redis ends, and does not keep Redis from ending.
final class StandInWorker: Sendable {
    struct NotListening: Error {}

    let member: Member

    /// - Parameters:
    ///   - lease: In milliseconds.
    ///   - misses: Number of signals that it misses at first.
    init(_ redis: RedisServer, _ number: UInt64, lease: UInt64 = 1000, missing misses: Int = 0)
        throws
    {
        let member = Self.member(number, lease: lease)
        self.member = member
        let listener = try Listener(redis)
        try Self.join(member, redis)
        let store = Endpoint.unix(path: redis.socket)
        Thread.detachNewThread {
            var received = 0
            while let line = try? listener.line() {
                guard case .signal(let signal) = TrackedKey(line) else { continue }
                received += 1
                guard misses < received else { continue }
                let connection = StoreConnection(at: store, credentials: nil)
                _ = try? connection.execute(signal.acknowledge(by: member.id))
            }
        }
    }

    /// A worker's membership.
    static func member(_ number: UInt64, lease: UInt64 = 1000, isTracking: Bool = true)
        -> Member
    {
        var generator = SplitMix64(seed: number)
        return Member(
            id: Member.ID(number),
            host: "web-\(number)",
            processID: 4710 + number,
            version: "0.2.0",
            isTracking: isTracking,
            leaseMilliseconds: lease,
            graceMilliseconds: 0,
            token: Member.Token(using: &generator)
        )
    }

    static func join(_ member: Member, _ redis: RedisServer) throws {
        _ = try redis.connect().execute(MembershipCommands.join(member))
    }
}

/// A connection that receives invalidations. Only one thread uses it at a time.
private final class Listener: @unchecked Sendable {
    private let transport: PlainTransport
    private var bytes: [UInt8] = []

    /// Returns when Redis sends invalidations.
    init(_ redis: RedisServer) throws {
        let deadline = SystemClock.monotonicTime().advanced(byMilliseconds: 10_000)
        transport = PlainTransport(
            try StoreSocket(.unix(path: redis.socket), deadline: deadline)
        )
        try send("CLIENT ID")
        let id = String(decoding: try line().dropFirst(), as: UTF8.self)
        try send("CLIENT TRACKING ON REDIRECT \(id) BCAST PREFIX \(TrackedKey.prefix)")
        guard try line().elementsEqual("+OK".utf8) else { throw StandInWorker.NotListening() }
        try send("SUBSCRIBE __redis__:invalidate")
        while try !line().elementsEqual(":1".utf8) {}
    }

    /// The next line of the Redis protocol, without its end.
    ///
    /// - Throws: An error once the connection is closed.
    func line() throws -> ArraySlice<UInt8> {
        while true {
            if let end = bytes.firstIndex(of: 0x0A) {
                defer { bytes.removeFirst(end + 1) }
                return Array(bytes[..<(end - 1)])[...]
            }
            bytes += try receive()
        }
    }

    private func send(_ command: String) throws {
        var request = Array("\(command)\r\n".utf8)
        try transport.write { buffer in
            defer { request = [] }
            buffer.copyBytes(from: request)
            return request.count
        }
    }

    private func receive() throws -> [UInt8] {
        try withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer in
            while try transport.wait(until: .never) {
                guard let count = try transport.read(into: buffer) else { continue }
                guard count > 0 else { throw StandInWorker.NotListening() }
                return Array(buffer[..<count])
            }
            throw StandInWorker.NotListening()
        }
    }
}

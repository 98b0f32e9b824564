import Foundation
import Keyring
import RedisClient

@testable import Administration

/// A stand-in for an nginx worker: subscribes to barriers and acknowledges them.
///
/// It listens until Redis ends, and does not keep Redis from ending.
final class StandInWorker: Sendable {
    struct NotListening: Error {}

    let member: Member

    /// - Parameters:
    ///   - lease: In milliseconds.
    ///   - misses: Number of barriers that it misses at first.
    init(_ redis: RedisServer, _ number: UInt64, lease: UInt64 = 1000, missing misses: Int = 0)
        throws
    {
        let member = Self.member(number, lease: lease)
        self.member = member
        try Self.join(member, redis)
        let deadline = SystemClock.monotonicTime().advanced(byMilliseconds: 10_000)
        let transport = try RedisSocket(.unix(path: redis.socket), deadline: deadline)
        var request = Array("SUBSCRIBE latchkey:barrier\r\n".utf8)
        _ = try transport.write { buffer in
            defer { request = [] }
            buffer.copyBytes(from: request)
            return request.count
        }
        guard try !Self.receive(transport).isEmpty else { throw NotListening() }
        let listening = Listening(transport)
        let store = Topology.standalone(try StoreURL("unix:\(redis.socket)"))
        Thread.detachNewThread {
            var received = 0
            while let text = try? Self.receive(listening.transport), !text.isEmpty {
                let ids = text.split { $0 == 0x0D || $0 == 0x0A }
                    .compactMap { BarrierID($0) }
                received += ids.count
                guard misses < received, let barrierID = ids.last else { continue }
                let connection = StoreConnection(store, credentials: nil)
                _ = try? connection.execute(FleetChannel.acknowledge(barrierID, by: member.id))
            }
        }
    }

    /// A socket that only one thread uses, after another has opened it.
    private final class Listening: @unchecked Sendable {
        let transport: RedisSocket
        init(_ transport: RedisSocket) { self.transport = transport }
    }

    /// A worker's membership.
    static func member(_ number: UInt64, lease: UInt64 = 1000, isTracking: Bool = true)
        -> Member
    {
        Member(
            id: Member.ID(number),
            host: "web-\(number)",
            processID: 4710 + number,
            version: "0.2.0",
            isTracking: isTracking,
            leaseMilliseconds: lease,
            graceMilliseconds: 0,
            heartbeatAt: SystemClock.unixTime(),
            recordsCached: 3
        )
    }

    static func join(_ member: Member, _ redis: RedisServer) throws {
        _ = try redis.connect().execute([MembershipCommands.join(member)])
    }

    /// The bytes that arrive next; none once the connection is closed.
    private static func receive(_ transport: RedisSocket) throws -> [UInt8] {
        let never = MonotonicTime.never
        return try withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer in
            while try transport.wait(toWrite: false, until: never) {
                if let count = try transport.read(into: buffer) { return Array(buffer[..<count]) }
            }
            return []
        }
    }
}

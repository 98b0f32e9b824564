import Glibc
import Keyring
import RedisClient

/// Connections to several servers or sentinels. Each is used by a thread of its own, so that nobody waits for a slow one
/// more than once.
final class ServerGroup: ClusterServers {
    /// Timeouts of a connection and of each reply: the first one, and the longest.
    private static let timeoutsMilliseconds: ClosedRange<UInt64> = 1000...4000

    private typealias Answer = Result<[RedisReply], StoreConnection.Fault>

    private let silence: String
    private let makeConnection: (Endpoint, UInt64) -> StoreConnection
    private var members: [Endpoint: Member] = [:]

    /// Doubled whenever no majority has answered in time: on a busy host all of them may be slow.
    private var timeoutMilliseconds = ServerGroup.timeoutsMilliseconds.lowerBound

    /// - Parameters:
    ///   - noun: What a member is.
    ///   - makeConnection: Returns a connection that is opened with the first commands, with a timeout in
    ///     milliseconds.
    init(_ noun: String, _ makeConnection: @escaping (Endpoint, UInt64) -> StoreConnection) {
        silence = "the \(noun) does not answer"
        self.makeConnection = makeConnection
    }

    /// The certificates by which a member proved itself, its own first; none without TLS or a connection.
    func certificates(of endpoint: Endpoint) -> [Certificate] {
        members[endpoint]?.connection.certificates ?? []
    }

    func ask(_ endpoints: [Endpoint], _ commands: [RedisCommand])
        -> [Result<[RedisReply], StoreConnection.Fault>]
    {
        let deadline = SystemClock.monotonicTime()
            .advanced(byMilliseconds: timeoutMilliseconds)
        let asked = endpoints.map { endpoint in
            members[endpoint]
                ?? Member(connection: makeConnection(endpoint, timeoutMilliseconds))
        }
        let inquiries = asked.map { Inquiry($0.connection, commands) }
        wait(for: inquiries, of: asked, until: deadline)
        if endpoints.count / 2 < inquiries.count(where: { $0.answer == nil }) {
            timeoutMilliseconds = min(2 * timeoutMilliseconds, Self.timeoutsMilliseconds.upperBound)
        }
        for (index, endpoint) in endpoints.enumerated() {
            let isSilent = inquiries[index].answer == nil
            members[endpoint] = Member(
                connection: isSilent
                    ? makeConnection(endpoint, timeoutMilliseconds) : asked[index].connection,
                isSilent: isSilent
            )
        }
        return inquiries.map { $0.answer ?? .failure(.unreachable(silence)) }
    }

    /// Waits for all of them, but for those that were silent the last time only as long as for the others, and for
    /// a majority.
    private func wait(
        for inquiries: [Inquiry],
        of asked: [Member],
        until deadline: MonotonicTime
    ) {
        let minority = (asked.count - 1) / 2
        while true {
            let pending = inquiries.filter { !$0.isDone }
            let isAwaited =
                minority < pending.count
                || zip(asked, inquiries).contains { !$0.isSilent && !$1.isDone }
            let now = SystemClock.monotonicTime()
            guard isAwaited, now < deadline else { return }
            var descriptors = pending.map {
                pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0)
            }
            let milliseconds = Int32(min(now.milliseconds(until: deadline), 60_000))
            guard poll(&descriptors, nfds_t(descriptors.count), milliseconds) > 0 else { continue }
            for (inquiry, descriptor) in zip(pending, descriptors) where descriptor.revents != 0 {
                inquiry.isDone = true
            }
        }
    }

    private struct Member {
        let connection: StoreConnection

        /// Whether it has not answered in time when it was last asked.
        var isSilent = false
    }

    /// Commands that one of them was sent.
    private final class Inquiry {
        private let task: BackgroundTask<Answer>?
        private let failure: TransportFailure?

        /// Whether the answer has come.
        var isDone: Bool

        init(_ connection: StoreConnection, _ commands: [RedisCommand]) {
            do throws(TransportFailure) {
                task = try BackgroundTask {
                    Result { () throws(StoreConnection.Fault) in
                        try connection.execute(repeating: commands)
                    }
                }
                (failure, isDone) = (nil, false)
            } catch {
                (task, failure, isDone) = (nil, error, true)
            }
        }

        var descriptor: Int32 { task?.descriptor ?? -1 }

        var answer: Answer? {
            if let failure { return .failure(.unreachable(failure.description)) }
            return isDone ? task?.result : nil
        }
    }
}

import Glibc
import Keyring
import RedisClient

/// Connections to the sentinels. Each is used by a thread of its own, so that nobody waits for a slow one
/// more than once.
final class SentinelGroup: Sentinels {
    /// Timeouts of a connection and of each reply: the first one, and the longest.
    private static let timeoutsMilliseconds: ClosedRange<UInt64> = 1000...4000

    private typealias Answer = Result<[RedisReply], StoreConnection.Fault>

    private let makeConnection: (Endpoint, UInt64) -> StoreConnection
    private var members: [Member]

    /// Doubled whenever no majority has answered in time: on a busy host all of them may be slow.
    private var timeoutMilliseconds = SentinelGroup.timeoutsMilliseconds.lowerBound

    /// - Parameter makeConnection: Returns a connection that is opened with the first commands, with a timeout
    ///   in milliseconds.
    init(
        _ endpoints: [Endpoint],
        _ makeConnection: @escaping (Endpoint, UInt64) -> StoreConnection
    ) {
        self.makeConnection = makeConnection
        let timeout = Self.timeoutsMilliseconds.lowerBound
        members = endpoints.map { Member(endpoint: $0, connection: makeConnection($0, timeout)) }
    }

    /// Connections with the configuration's credentials.
    ///
    /// - Throws: An error if the credentials, or the files for TLS, cannot be used.
    convenience init(_ url: SentinelURL, _ configuration: Configuration)
        throws(AdministrationError)
    {
        let file = configuration.sentinelCredentialsFile
        let credentials = try translatingSecretFault(try Secrets.credentials(file: file))
        let tls = try TLSContext(configuration)
        self.init(url.sentinels) { endpoint, timeout in
            StoreConnection(
                .sentinel,
                at: endpoint,
                credentials: credentials,
                tls: tls,
                timeoutMilliseconds: timeout
            )
        }
    }

    /// The certificates by which a sentinel proved itself, its own first; none without TLS or a connection.
    func certificates(of index: Int) -> [Certificate] { members[index].connection.certificates }

    func ask(_ commands: [RedisCommand]) -> [Result<[RedisReply], StoreConnection.Fault>] {
        let deadline = SystemClock.monotonicTime()
            .advanced(byMilliseconds: timeoutMilliseconds)
        let inquiries = members.map { Inquiry($0.connection, commands) }
        wait(for: inquiries, until: deadline)
        if members.count / 2 < inquiries.count(where: { $0.answer == nil }) {
            timeoutMilliseconds = min(2 * timeoutMilliseconds, Self.timeoutsMilliseconds.upperBound)
        }
        return inquiries.indices.map { index in
            let answer = inquiries[index].answer
            members[index].isSilent = answer == nil
            if answer == nil {
                members[index].connection = makeConnection(
                    members[index].endpoint,
                    timeoutMilliseconds
                )
            }
            return answer ?? .failure(.unreachable("the sentinel does not answer"))
        }
    }

    /// Waits for all of them, but for those that were silent the last time only as long as for the others, and for
    /// a majority.
    private func wait(for inquiries: [Inquiry], until deadline: MonotonicTime) {
        let minority = (members.count - 1) / 2
        while true {
            let pending = inquiries.filter { !$0.isDone }
            let isAwaited =
                minority < pending.count
                || zip(members, inquiries).contains { !$0.isSilent && !$1.isDone }
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
        let endpoint: Endpoint
        var connection: StoreConnection

        /// Whether it has not answered in time when it was last asked.
        var isSilent = false
    }

    /// Commands that one sentinel was sent.
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

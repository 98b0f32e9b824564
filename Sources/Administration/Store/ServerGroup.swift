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
        members[endpoint]?.certificates ?? []
    }

    func ask(_ endpoints: [Endpoint], _ commands: [RedisCommand])
        -> [Result<[RedisReply], StoreConnection.Fault>]
    {
        let deadline = SystemClock.monotonicTime()
            .advanced(byMilliseconds: timeoutMilliseconds)
        let asked = endpoints.map(member)
        for member in asked { member.ask(commands) }
        wait(for: asked, commands, until: deadline)
        if endpoints.count / 2 < asked.count(where: { $0.answer == nil }) {
            timeoutMilliseconds = min(2 * timeoutMilliseconds, Self.timeoutsMilliseconds.upperBound)
        }
        return asked.map { $0.answer(orElse: silence) }
    }

    private func member(_ endpoint: Endpoint) -> Member {
        if let member = members[endpoint] { return member }
        let member = Member { [unowned self] in makeConnection(endpoint, timeoutMilliseconds) }
        members[endpoint] = member
        return member
    }

    /// Waits for all of them, but for those that still owe an earlier answer only as long as for the others, and for
    /// a majority.
    private func wait(
        for asked: [Member],
        _ commands: [RedisCommand],
        until deadline: MonotonicTime
    ) {
        let minority = (asked.count - 1) / 2
        while true {
            let pending = asked.filter { $0.answer == nil }
            let isAwaited = minority < pending.count || pending.contains { !$0.isLate }
            let now = SystemClock.monotonicTime()
            guard isAwaited, now < deadline else { return }
            var descriptors = pending.map {
                pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0)
            }
            let milliseconds = Int32(min(now.milliseconds(until: deadline), 60_000))
            guard poll(&descriptors, nfds_t(descriptors.count), milliseconds) > 0 else { continue }
            for (member, descriptor) in zip(pending, descriptors) where descriptor.revents != 0 {
                member.isReadable(commands)
            }
        }
    }

    /// One of them. It is asked one thing at a time: a connection that is slow to open is not given up for another one.
    private final class Member {
        private let makeConnection: () -> StoreConnection
        private var connection: StoreConnection?
        private var inquiry: Inquiry?

        /// Whether it was silent the last time, and has not answered since.
        private(set) var isLate = false

        /// Whether the answer to an earlier question has yet to come.
        private var owesEarlier = false

        /// Why it did not answer the last time that this came to light; `nil` once it has answered.
        private var lastFault: String?

        /// The answer to the present question, once it has come.
        private(set) var answer: Answer?

        init(_ makeConnection: @escaping () -> StoreConnection) {
            self.makeConnection = makeConnection
        }

        var descriptor: Int32 { inquiry?.descriptor ?? -1 }

        var certificates: [Certificate] {
            inquiry == nil ? connection?.certificates ?? [] : []
        }

        /// The answer, or why there is none.
        func answer(orElse silence: String) -> Answer {
            if let answer { return answer }
            return .failure(.unreachable(lastFault ?? silence))
        }

        /// Puts a question, or keeps waiting for the answer to the one before.
        func ask(_ commands: [RedisCommand]) {
            answer = nil
            owesEarlier = inquiry != nil
            if owesEarlier { isLate = true } else { begin(commands) }
        }

        /// An answer has come: to the question, or to an earlier one, and then the question is put.
        func isReadable(_ commands: [RedisCommand]) {
            let result = inquiry?.result
            inquiry = nil
            switch result {
            case .success?: (isLate, lastFault) = (false, nil)
            case .failure(let fault)?: (connection, lastFault) = (nil, fault.text)
            case nil: break
            }
            guard owesEarlier else {
                answer = result
                isLate = false
                return
            }
            owesEarlier = false
            begin(commands)
        }

        private func begin(_ commands: [RedisCommand]) {
            let connection = connection ?? makeConnection()
            self.connection = connection
            do throws(TransportFailure) {
                inquiry = try Inquiry(connection, commands)
            } catch {
                answer = .failure(.unreachable(error.description))
            }
        }
    }

    private typealias Inquiry = BackgroundTask<Answer>
}

extension BackgroundTask<Result<[RedisReply], StoreConnection.Fault>> {
    /// Sends commands, and waits for the replies.
    fileprivate convenience init(
        _ connection: StoreConnection,
        _ commands: [RedisCommand]
    ) throws(TransportFailure) {
        try self.init {
            Result { () throws(StoreConnection.Fault) in
                try connection.execute(repeating: commands)
            }
        }
    }
}

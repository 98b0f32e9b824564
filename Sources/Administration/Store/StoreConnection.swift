import Glibc
import Keyring
import RedisClient

/// Drives a ``RedisLink`` with a blocking socket.
public final class StoreConnection: StoreChannel {
    /// Why there are no replies.
    public enum Fault: Error, Equatable, Sendable {
        /// No connection could be made. Nothing was sent.
        case unreachable(String)
        /// The account may not use the store's socket.
        case notPermitted(String)
        /// The connection was lost after commands were sent. They may have been carried out.
        case interrupted(String)
    }

    /// Timeout of the connection and of each reply.
    private static let timeoutMilliseconds: UInt64 = 5000

    /// Room for a membership list of hundreds of thousands of workers, in bytes.
    private static let replyLengthMax = 64 << 20

    private let endpoint: Endpoint
    private let isSecure: Bool
    private let settings: LinkSettings
    private let refusesOld: Bool
    private var link: RedisLink
    private var socket: RedisSocket?
    private var socketFailure: RedisSocket.Failure?

    /// A connection that is opened with the first commands.
    ///
    /// - Parameter refusesOld: Whether a store that reports an unsupported version is refused.
    public init(
        _ topology: Topology,
        credentials: RedisCredentials?,
        refusesOld: Bool = false
    ) {
        self.refusesOld = refusesOld
        isSecure = topology.isSecure
        switch topology {
        case .standalone(let url):
            endpoint = url.endpoint
            settings = LinkSettings(
                endpoint: url.endpoint,
                database: url.database,
                credentials: credentials,
                timeoutMilliseconds: Self.timeoutMilliseconds,
                replyLengthMax: Self.replyLengthMax
            )
        }
        link = RedisLink(settings)
    }

    /// A connection with the executable's credentials.
    ///
    /// - Throws: An error if the credentials cannot be read.
    convenience init(
        admin configuration: Configuration,
        refusesOld: Bool = true
    ) throws(AdministrationError) {
        let file = configuration.adminCredentialsFile
        let credentials = try translatingSecretFault(try Secrets.credentials(file: file))
        self.init(configuration.topology, credentials: credentials, refusesOld: refusesOld)
    }

    /// Whether the connection was usable when it was last used.
    var isReady: Bool { link.isReady }

    /// Sends commands in one write and waits for all replies, in the commands' order.
    ///
    /// - Parameter onSameConnection: Whether the commands make sense only on the connection that carried
    ///   the previous ones.
    public func execute(
        _ commands: [RedisCommand],
        onSameConnection: Bool
    ) throws(Fault) -> [RedisReply] {
        if onSameConnection, !link.isReady { throw .unreachable(description(.disconnected)) }
        try becomeReady()
        return try replies(to: commands)
    }

    private func replies(to commands: [RedisCommand]) throws(Fault) -> [RedisReply] {
        var replies = [RedisReply?](repeating: nil, count: commands.count)
        for (index, command) in commands.enumerated() {
            guard
                link.send(
                    command,
                    tag: CommandTag(number: UInt64(index)),
                    now: SystemClock.monotonicTime()
                )
            else { throw .interrupted("out of memory") }
        }
        var count = 0
        while count < replies.count {
            switch nextEvent() {
            case .reply(let tag, let reply):
                replies[Int(tag.number)] = reply
                count += 1
            case .lost(let failure, _): throw .interrupted(description(failure))
            case .ready, .invalidated: break
            }
        }
        return replies.compactMap { $0 }
    }

    /// Closes the connection. The next commands open a new one at once.
    func renew() {
        socket = nil
        socketFailure = nil
        link = RedisLink(settings)
    }

    private func becomeReady() throws(Fault) {
        guard !link.isReady else { return }
        guard !isSecure else {
            throw .unreachable("the store at \(endpoint) needs TLS, which this executable lacks")
        }
        while !link.isReady {
            guard case .lost(let failure, _) = nextEvent() else { continue }
            if socketFailure == .system(errno: EACCES) { throw .notPermitted(description(failure)) }
            throw .unreachable(description(failure))
        }
        if refusesOld { try refuseOld() }
    }

    /// A store that does not report its version to this user is accepted.
    private func refuseOld() throws(Fault) {
        guard let reply = try replies(to: [RedisCommand("INFO", "server")]).first,
            let information = StoreInformation(reply), information.isNewEnough == false
        else { return }
        renew()
        let version = RedisError.printable(ArraySlice((information["redis_version"] ?? "").utf8))
        throw .unreachable(
            "the store at \(endpoint) is Redis \(version): 6.2 or newer is required"
        )
    }

    private func description(_ failure: LinkFailure) -> String {
        let reason = failure == .disconnected ? socketFailure?.description : nil
        return "the store at \(endpoint): \(reason ?? failure.description)"
    }

    private func nextEvent() -> RedisLink.Event {
        while true {
            if let event = link.nextEvent() { return event }
            link.tick(SystemClock.monotonicTime())
            switch link.nextOrder() {
            case .open: open()
            case .close: socket = nil
            case .write, nil: transfer()
            }
        }
    }

    private func open() {
        do throws(RedisSocket.Failure) {
            socket = try RedisSocket(endpoint, deadline: link.deadline)
            link.opened(SystemClock.monotonicTime())
        } catch {
            fail(error)
        }
    }

    private func transfer() {
        guard let socket else { return SystemClock.sleep(until: link.deadline) }
        do throws(RedisSocket.Failure) {
            let isBlocked = try !socket.write { link.drainOutput(into: $0) }
            guard try socket.wait(toWrite: isBlocked, until: link.deadline) else { return }
            try read(socket)
        } catch {
            fail(error)
        }
    }

    private func read(_ socket: RedisSocket) throws(RedisSocket.Failure) {
        try withUnsafeTemporaryAllocation(byteCount: 16_384, alignment: 1) {
            buffer throws(RedisSocket.Failure) in
            guard let count = try socket.read(into: buffer) else { return }
            guard count > 0 else { throw .system(errno: ECONNRESET) }
            link.received(
                UnsafeRawBufferPointer(rebasing: buffer[..<count]),
                SystemClock.monotonicTime()
            )
        }
    }

    private func fail(_ failure: RedisSocket.Failure) {
        socketFailure = failure
        socket = nil
        link.closed(SystemClock.monotonicTime())
    }
}

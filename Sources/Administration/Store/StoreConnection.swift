import Glibc
import Keyring
import RedisClient

/// Moves a ``RedisLink`` with a socket, and waits for it.
public final class StoreConnection: StoreChannel {
    /// Why there are no replies.
    public enum Fault: Error, Equatable, Sendable {
        /// No connection could be made; nothing was sent.
        case unreachable(String)
        /// The account may not use the store's socket.
        case notPermitted(String)
        /// The connection was lost after commands were sent: they may or may not have been carried
        /// out.
        case interrupted(String)
    }

    /// Longest wait for the connection and for each reply.
    private static let timeoutMilliseconds: UInt64 = 5000

    private let endpoint: Endpoint
    private let settings: LinkSettings
    private let refusesOld: Bool
    private var link: RedisLink
    private var transport: RedisSocket?
    private var socketFailure: RedisSocket.Failure?

    /// A connection that is made with the first commands.
    ///
    /// - Parameter refusesOld: Whether a store that says to be too old is refused.
    public init(
        _ topology: Topology,
        credentials: RedisCredentials?,
        refusesOld: Bool = false
    ) {
        self.refusesOld = refusesOld
        switch topology {
        case .standalone(let url):
            endpoint = url.endpoint
            settings = LinkSettings(
                endpoint: url.endpoint,
                database: url.database,
                credentials: credentials,
                timeoutMilliseconds: Self.timeoutMilliseconds
            )
        }
        link = RedisLink(settings)
    }

    /// A connection with the user and password that the configuration names for the executable.
    convenience init(
        admin configuration: Configuration,
        refusesOld: Bool = true
    ) throws(AdministrationError) {
        let credentials: RedisCredentials?
        do throws(SecretFault) {
            credentials = try configuration.adminCredentialsFile.map { path throws(SecretFault) in
                try Secrets.credentials(try Secrets.credentialsContents(path))
            }
        } catch {
            throw AdministrationError(error)
        }
        self.init(configuration.topology, credentials: credentials, refusesOld: refusesOld)
    }

    /// Whether there is a connection, as far as is known.
    var isReady: Bool { link.isReady }

    /// Sends commands in one go and waits for all their replies, in the commands' order.
    ///
    /// - Parameter onSameConnection: Whether they are of no use on another connection than the one
    ///   that carried the commands before.
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
            case .ready, .pushed: break
            }
        }
        return replies.compactMap { $0 }
    }

    /// Closes the connection; the next commands make a new one, without a pause.
    func renew() {
        transport = nil
        socketFailure = nil
        link = RedisLink(settings)
    }

    private func becomeReady() throws(Fault) {
        guard !link.isReady else { return }
        while !link.isReady {
            guard case .lost(let failure, _) = nextEvent() else { continue }
            if socketFailure == .system(errno: EACCES) { throw .notPermitted(description(failure)) }
            throw .unreachable(description(failure))
        }
        if refusesOld { try refuseOld() }
    }

    /// A store that does not say how old it is, or not to this user, is taken as it is.
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
            case .close: transport = nil
            case .write, nil: move()
            }
        }
    }

    private func open() {
        do throws(RedisSocket.Failure) {
            transport = try RedisSocket(endpoint, deadline: link.deadline)
            link.opened(SystemClock.monotonicTime())
        } catch {
            lose(error)
        }
    }

    private func move() {
        guard let transport else { return SystemClock.sleep(until: link.deadline) }
        do throws(RedisSocket.Failure) {
            let isBlocked = try !transport.write { link.drainOutput(into: $0) }
            guard try transport.wait(toWrite: isBlocked, until: link.deadline) else { return }
            try read(transport)
        } catch {
            lose(error)
        }
    }

    private func read(_ transport: RedisSocket) throws(RedisSocket.Failure) {
        try withUnsafeTemporaryAllocation(byteCount: 16_384, alignment: 1) {
            buffer throws(RedisSocket.Failure) in
            guard let count = try transport.read(into: buffer) else { return }
            guard count > 0 else { throw .system(errno: ECONNRESET) }
            link.received(
                UnsafeRawBufferPointer(rebasing: buffer[..<count]),
                SystemClock.monotonicTime()
            )
        }
    }

    private func lose(_ failure: RedisSocket.Failure) {
        socketFailure = failure
        transport = nil
        link.closed(SystemClock.monotonicTime())
    }
}

import Glibc
import Keyring
import RedisClient

/// Drives a ``RedisLink`` over a ``StoreTransport``, and waits for replies.
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

    private let topology: Topology
    private let endpoint: Endpoint
    private let settings: LinkSettings
    private let tls: TLSContext?
    private let refusesOld: Bool
    private var link: RedisLink
    private var transport: (any StoreTransport)?
    private var transportFailure: TransportFailure?

    /// Whether the newest connection was established.
    private var isConnected = false

    /// A connection that is opened with the first commands.
    ///
    /// - Parameters:
    ///   - tls: For a topology that is secure.
    ///   - refusesOld: Whether a store that reports an unsupported version is refused.
    init(
        _ topology: Topology,
        credentials: RedisCredentials?,
        tls: TLSContext? = nil,
        refusesOld: Bool = false
    ) {
        self.topology = topology
        self.tls = tls
        self.refusesOld = refusesOld
        switch topology {
        case .standalone(let url):
            endpoint = url.endpoint
            settings = LinkSettings(
                endpoint: url.endpoint,
                certificateName: url.isSecure
                    ? tls?.name(of: url.endpoint) ?? url.endpoint.certificateName : nil,
                database: url.database,
                credentials: credentials,
                timeoutMilliseconds: Self.timeoutMilliseconds,
                replyLengthMax: Self.replyLengthMax
            )
        case .sentinel: fatalError("sentinels are not supported yet")
        }
        link = RedisLink(settings)
    }

    /// A connection with the executable's credentials.
    ///
    /// - Throws: An error if the credentials, or the files for TLS, cannot be used.
    convenience init(
        admin configuration: Configuration,
        refusesOld: Bool = true
    ) throws(AdministrationError) {
        let file = configuration.adminCredentialsFile
        let credentials = try translatingSecretFault(try Secrets.credentials(file: file))
        self.init(
            configuration.topology,
            credentials: credentials,
            tls: try TLSContext(configuration),
            refusesOld: refusesOld
        )
    }

    /// Another connection to the same store, as another user.
    func sibling(as credentials: RedisCredentials?) -> StoreConnection {
        StoreConnection(topology, credentials: credentials, tls: tls)
    }

    /// The certificates by which the store proved itself, its own first; none without TLS or a connection.
    var certificates: [Certificate] { transport?.certificates ?? [] }

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
        transport = nil
        transportFailure = nil
        link = RedisLink(settings)
    }

    private func becomeReady() throws(Fault) {
        guard !link.isReady else { return }
        while !link.isReady {
            guard case .lost(let failure, _) = nextEvent() else { continue }
            let text = description(failure)
            if transportFailure == .system(errno: EACCES) { throw .notPermitted(text) }
            let advice = mayBeForTLS(failure) ? "; use rediss:// for a port with TLS" : ""
            throw .unreachable(text + advice)
        }
        if refusesOld { try refuseOld() }
    }

    /// Whether a port took the connection and not the commands, as ports for TLS do.
    private func mayBeForTLS(_ failure: LinkFailure) -> Bool {
        guard isConnected, link.certificateName == nil, case .tcp = endpoint else { return false }
        return failure == .disconnected || failure == .protocolError(.malformed)
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
        let reason = failure == .disconnected ? transportFailure?.description : nil
        return "the store at \(endpoint): \(reason ?? failure.description)"
    }

    private func nextEvent() -> RedisLink.Event {
        while true {
            if let event = link.nextEvent() { return event }
            link.tick(SystemClock.monotonicTime())
            switch link.nextOrder() {
            case .open: open()
            case .close: transport = nil
            case .write, nil: transfer()
            }
        }
    }

    private func open() {
        isConnected = false
        do throws(TransportFailure) {
            transport = try connect()
            isConnected = true
            link.opened(SystemClock.monotonicTime())
        } catch {
            fail(error)
        }
    }

    private func connect() throws(TransportFailure) -> any StoreTransport {
        let deadline = link.deadline
        let socket = try StoreSocket(endpoint, deadline: deadline)
        guard let name = link.certificateName else { return PlainTransport(socket) }
        guard let tls else { throw .tls("it needs TLS, which was not set up") }
        return try SecureTransport(socket, tls, name: name, deadline: deadline)
    }

    private func transfer() {
        guard let transport else { return SystemClock.sleep(until: link.deadline) }
        do throws(TransportFailure) {
            try transport.write { link.drainOutput(into: $0) }
            guard try transport.wait(until: link.deadline) else { return }
            try read(transport)
        } catch {
            fail(error)
        }
    }

    private func read(_ transport: any StoreTransport) throws(TransportFailure) {
        try withUnsafeTemporaryAllocation(byteCount: 16_384, alignment: 1) {
            buffer throws(TransportFailure) in
            guard let count = try transport.read(into: buffer) else { return }
            guard count > 0 else { throw .system(errno: ECONNRESET) }
            link.received(
                UnsafeRawBufferPointer(rebasing: buffer[..<count]),
                SystemClock.monotonicTime()
            )
        }
    }

    private func fail(_ failure: TransportFailure) {
        transportFailure = failure
        transport = nil
        link.closed(SystemClock.monotonicTime())
    }
}

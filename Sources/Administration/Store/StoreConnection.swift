import Glibc
import Keyring
import RedisClient

/// Drives a ``RedisLink`` over a ``StoreTransport``, and waits for replies.
public final class StoreConnection: StoreChannel {
    /// Why there are no replies.
    public enum Fault: Error, Equatable, Sendable {
        /// No connection could be made. Nothing was sent.
        case unreachable(String)
        /// The server refuses this user, or does not prove itself. Nothing was sent.
        case refused(String)
        /// The account may not use the store's socket.
        case notPermitted(String)
        /// The connection was lost after commands were sent. They may have been carried out.
        case interrupted(String)

        var text: String {
            switch self {
            case .unreachable(let text), .refused(let text), .notPermitted(let text),
                .interrupted(let text):
                text
            }
        }
    }

    /// What a server is to Latchkey.
    enum Kind {
        /// The only one.
        case store
        /// One of several, which sentinels name.
        case server
        case sentinel
        /// One of a cluster.
        case node

        fileprivate var noun: String { self == .sentinel ? "sentinel" : "store" }

        fileprivate var scheme: String {
            switch self {
            case .store: "redis"
            case .server, .sentinel: "sentinel"
            case .node: "cluster"
            }
        }

        /// The oldest release of Redis that Latchkey works with.
        fileprivate var oldest: (Int, Int) { self == .node ? (7, 0) : (6, 2) }
    }

    /// Timeout of the connection and of each reply.
    private static let timeoutMilliseconds: UInt64 = 5000

    /// Room for a membership list of hundreds of thousands of workers, in bytes.
    private static let replyLengthMax = 64 << 20

    private let kind: Kind
    private let endpoint: Endpoint
    private let database: Int
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
    ///   - tls: `nil` for a connection without TLS.
    ///   - refusesOld: Whether a store that reports an unsupported version is refused.
    init(
        _ kind: Kind = .store,
        at endpoint: Endpoint,
        database: Int = 0,
        credentials: RedisCredentials?,
        tls: TLSContext? = nil,
        refusesOld: Bool = false,
        timeoutMilliseconds: UInt64 = StoreConnection.timeoutMilliseconds
    ) {
        self.kind = kind
        self.endpoint = endpoint
        self.database = database
        self.tls = tls
        self.refusesOld = refusesOld
        settings = LinkSettings(
            endpoint: endpoint,
            certificateName: tls?.name(of: endpoint),
            database: database,
            credentials: credentials,
            timeoutMilliseconds: timeoutMilliseconds,
            replyLengthMax: Self.replyLengthMax
        )
        link = RedisLink(settings)
    }

    /// Another connection to the same server, as another user.
    func sibling(as credentials: RedisCredentials?) -> StoreConnection {
        StoreConnection(
            kind,
            at: endpoint,
            database: database,
            credentials: credentials,
            tls: tls
        )
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
            if failure.isRefusal || transportFailure?.isRefusal == true { throw .refused(text) }
            throw .unreachable(text + advice(failure))
        }
        if refusesOld { try refuseOld() }
    }

    private func advice(_ failure: LinkFailure) -> String {
        if transportFailure == .slowHandshake {
            return ": use \(kind.scheme):// for a port without TLS"
        }
        return mayBeForTLS(failure) ? "; use \(kind.scheme)s:// for a port with TLS" : ""
    }

    /// Whether a port took the connection and not the commands, as ports for TLS do.
    private func mayBeForTLS(_ failure: LinkFailure) -> Bool {
        guard isConnected, link.certificateName == nil, case .tcp = endpoint else { return false }
        return failure == .disconnected || failure == .protocolError(.malformed)
    }

    /// A store that does not report its version to this user is accepted.
    private func refuseOld() throws(Fault) {
        guard let reply = try replies(to: [StoreInformation.readServer]).first,
            let information = StoreInformation(reply), information.isOlder(than: kind.oldest)
        else { return }
        renew()
        let version = RedisError.printable(ArraySlice((information["redis_version"] ?? "").utf8))
        throw .unreachable(
            "the store at \(endpoint) is Redis \(version): \(kind.oldest.0).\(kind.oldest.1) or newer is required"
        )
    }

    private func description(_ failure: LinkFailure) -> String {
        let reason = failure == .disconnected ? transportFailure?.description : nil
        return "the \(kind.noun) at \(endpoint): \(reason ?? failure.description)"
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
        transportFailure = nil
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

extension LinkFailure {
    /// Whether trying again is pointless: the user or its rights are wrong.
    fileprivate var isRefusal: Bool {
        guard case .refused(let error) = self else { return false }
        return ["WRONGPASS", "NOAUTH", "NOPERM"].contains(error.code)
    }
}

extension TransportFailure {
    /// Whether trying again is pointless: the server does not prove itself.
    fileprivate var isRefusal: Bool { if case .untrusted = self { true } else { false } }
}

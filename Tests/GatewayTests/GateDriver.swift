import KeyFormat
import Keyring
import RedisClient
import TestSupport
import Testing

@testable import Gateway

/// Drives a gatekeeper by hand: time passes and bytes arrive only when a test says so.
final class GateDriver {
    typealias Answer = (request: UInt, decision: Decision)

    /// The numbers of the connections.
    static let data: UInt32 = 0
    static let invalidation: UInt32 = 1

    let gatekeeper: Gatekeeper

    /// Whether the store sends invalidations; otherwise it refuses that connection.
    let sendsInvalidations: Bool
    let keys: TestKeys
    var store = TestStore()
    private(set) var now = ClockReading.start

    init(
        _ directives: String = "latchkey_consistency strict;",
        pepper: String = String(repeating: "0a", count: 32),
        sendsInvalidations: Bool = false
    ) throws {
        self.sendsInvalidations = sendsInvalidations
        let installation = try DrivenInstallation(directives, pepper: pepper)
        gatekeeper = installation.gatekeeper
        keys = installation.keys
    }

    /// A strict gatekeeper whose link is ready and whose output has been read.
    static func connected(_ directives: String = "") throws -> GateDriver {
        let driver = try GateDriver("latchkey_consistency strict; " + directives)
        driver.connect()
        return driver
    }

    /// A strict gatekeeper that receives invalidations, so that it can decide by its cache.
    static func proving(_ directives: String = "") throws -> GateDriver {
        try leased("latchkey_consistency strict; " + directives)
    }

    /// A gatekeeper that receives invalidations and holds its lease.
    static func leased(_ directives: String = "") throws -> GateDriver {
        let driver = try GateDriver(directives, sendsInvalidations: true)
        driver.connect()
        driver.connect(GateDriver.invalidation)
        driver.beat()
        return driver
    }

    /// Opens a link, lets the store answer the handshake, and discards the log lines.
    func connect(_ link: UInt32 = data) {
        tick()
        received(store.answer(turn().commands))
        if link == Self.data { store.endTransaction() }
        gatekeeper.linkOpened(link, at: now)
        serve()
        _ = logLines()
    }

    /// Sends a heartbeat and answers it, and another where the first proves too little.
    func beat() {
        for _ in 0..<2 {
            tick()
            serve()
        }
    }

    /// Advances time with four answered heartbeats a second.
    func beat(times: Int) {
        for _ in 0..<times {
            tick(afterMilliseconds: 250)
            serve()
        }
    }
}

// MARK: - Keys and records

extension GateDriver {
    /// Generates a key, as the executable does; the previous key stays valid for a grace.
    func generate(_ name: String, graceMilliseconds: UInt64 = 0, expiresIn span: UInt64? = nil)
        -> [UInt8]
    {
        keys.generate(
            name,
            in: &store,
            at: now.unix,
            graceMilliseconds: graceMilliseconds,
            expiresIn: span
        )
    }

    func revoke(_ name: String) {
        keys.revoke(name, in: &store, at: now.unix)
    }
}

// MARK: - Events

extension GateDriver {
    /// Begins a check. Returns its ticket, or its decision if there is one at once.
    @discardableResult
    func check(_ key: [UInt8], request: UInt) -> (ticket: UInt64, decision: Decision?) {
        switch gatekeeper.check(key.span, request: request, at: now) {
        case .decided(let decision): (0, decision)
        case .waiting(let ticket): (ticket, nil)
        }
    }

    func advance(milliseconds: UInt64) {
        now = ClockReading(
            monotonic: now.monotonic.advanced(byMilliseconds: milliseconds),
            unix: now.unix.advanced(byMilliseconds: milliseconds)
        )
    }

    @discardableResult
    func tick(afterMilliseconds milliseconds: UInt64 = 0) -> MonotonicTime {
        advance(milliseconds: milliseconds)
        return gatekeeper.tick(now)
    }

    /// Ends a turn of the event loop: collects the orders and carries out the writes.
    func turn() -> Turn {
        var turn = Turn()
        while let (link, order) = gatekeeper.nextOrder(now) {
            switch (link, order) {
            case (Self.data, .open): turn.opened += [gatekeeper.endpoint(link: link)!]
            case (Self.data, .close): turn.closed += 1
            case (Self.data, .write): turn.writes.append(TestStore.commands(in: output()))
            case (Self.invalidation, .open): openInvalidation(&turn)
            case (Self.invalidation, .close): turn.invalidationClosed += 1
            case (Self.invalidation, .write):
                turn.invalidation += TestStore.commands(in: output(link: Self.invalidation))
            default: Issue.record("there is no link \(link)")
            }
        }
        return turn
    }

    private func openInvalidation(_ turn: inout Turn) {
        if sendsInvalidations {
            turn.invalidationOpened += 1
        } else {
            gatekeeper.linkClosed(Self.invalidation, at: now)
        }
    }

    /// Drains the waiting bytes in pieces of the given length.
    func output(pieceLength: Int = 65_536, link: UInt32 = data) -> [UInt8] {
        var output: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: pieceLength)
        while case let count = buffer.withUnsafeMutableBytes({
            gatekeeper.drainOutput(link: link, into: $0)
        }),
            count > 0
        {
            output += buffer.prefix(count)
        }
        return output
    }

    func received(_ text: String, link: UInt32 = data) {
        received(Array(text.utf8), link: link)
    }

    func received(_ bytes: [UInt8], link: UInt32 = data) {
        bytes.withUnsafeBytes { gatekeeper.linkReceived(link, $0, at: now) }
    }

    /// Ends turns and answers their commands until there are none left.
    func serve() {
        while case let turn = turn(), !turn.commands.isEmpty || !turn.invalidation.isEmpty {
            received(store.answer(turn.commands))
            received(store.answer(turn.invalidation, isSubscriber: true), link: Self.invalidation)
        }
    }

    /// Sends an invalidation of records, as the store would.
    func sendInvalidation(_ names: String...) {
        let keys = names.map { "latchkey:record:{\(Organization($0)!.locator)}" }
        received(
            TestStore.message("__redis__:invalidate", TestStore.texts(keys)),
            link: Self.invalidation
        )
    }

    /// Sends the invalidations of a change and of its signal, as the store would.
    func sendSignal(_ signal: Signal, with records: [String] = []) {
        let keys = records.map { "latchkey:record:{\(Organization($0)!.locator)}" }
        received(
            TestStore.message(
                "__redis__:invalidate",
                TestStore.texts(keys + [Self.key(of: signal)])
            ),
            link: Self.invalidation
        )
    }

    /// A signal of this moment.
    func signal(
        _ kind: Signal.Kind,
        _ organization: String = "acme",
        ageMilliseconds age: UInt64 = 0
    )
        -> Signal
    {
        var generator = SystemRandomNumberGenerator()
        let time = UnixTime(milliseconds: now.unix.milliseconds - Int64(age))
        let id = SignalID(at: time, using: &generator)
        return Signal(kind, about: Organization(organization)!.locator, id: id)
    }

    /// The name of the key that sends a signal.
    static func key(of signal: Signal) -> String {
        String(decoding: signal.commands[0].arguments[1], as: UTF8.self)
    }

    /// The commands with which this worker acknowledges a signal.
    static func acknowledgement(of signal: Signal) -> [[String]] {
        signal.acknowledge(by: Member.ID(0xABCD)).map { command in
            command.arguments.map { String(decoding: $0, as: UTF8.self) }
        }
    }

    /// Sends a message on a channel, as the store would.
    func sendMessage(_ text: String, on channel: String) {
        received(TestStore.message(channel, TestStore.bulk(text)), link: Self.invalidation)
    }

    func answers() -> [Answer] {
        var answers: [Answer] = []
        while let answer = gatekeeper.nextDecision() {
            answers.append((answer.request, answer.decision))
        }
        return answers
    }

    /// The requests that were answered, with their results.
    func results() -> [UInt: Decision.Result] {
        Dictionary(answers().map { ($0.request, $0.decision.result) }) { _, _ in
            Issue.record("a request was answered twice")
            return .unavailable
        }
    }

    /// The result of a check of a key, with the store's answer if the check needs one.
    func result(_ key: [UInt8]) -> Decision.Result? {
        if let decision = check(key, request: 4711).decision { return decision.result }
        serve()
        return results()[4711]
    }

    func logLines() -> [EventLog.Line] {
        var lines: [EventLog.Line] = []
        while let line = gatekeeper.nextLogLine() { lines.append(line) }
        return sendsInvalidations ? lines : lines.filter { !$0.text.contains("invalidations") }
    }
}

/// The orders of one turn of the event loop.
struct Turn {
    var opened: [Endpoint] = []
    var closed = 0
    var writes: [[[String]]] = []
    /// The commands written to the invalidation link.
    var invalidation: [[String]] = []
    var invalidationOpened = 0
    var invalidationClosed = 0

    /// The commands of all writes.
    var commands: [[String]] { writes.flatMap { $0 } }

    /// The keys that were read.
    var reads: [String] { commands.filter { $0[0] == "HMGET" }.map { $0[1] } }

    var isEmpty: Bool { opened.isEmpty && closed == 0 && writes.isEmpty && invalidation.isEmpty }
}

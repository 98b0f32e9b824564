import Foundation
import KeyFormat
import Keyring
import RedisClient
import Testing

@testable import Gateway

/// Moves a gatekeeper by hand: time passes and bytes come only when a test says so.
final class GateDriver {
    typealias Answer = (request: UInt, decision: Decision)

    let gatekeeper: Gatekeeper
    let mint: KeyMint
    let seal: RecordSeal
    var store = TestStore()
    private(set) var now = ClockReading(
        monotonic: MonotonicTime(nanoseconds: 1_000_000_000),
        unix: UnixTime(milliseconds: 1_790_000_000_000)
    )

    init(_ directives: String = "", pepper: String = String(repeating: "0a", count: 32)) throws {
        let folder = try TemporaryFolder()
        let file = try folder.file("pepper", pepper)
        let text = "latchkey_pepper_file \(file); \(directives)"
        let configuration = try Configuration(ConfigurationFile.directives(in: Array(text.utf8)))
        let packed = try GatewaySecrets.pack(configuration)
        gatekeeper = Gatekeeper(
            configuration,
            secrets: try GatewaySecrets(packed: packed, configuration)
        )
        let peppers = try PepperRing(contents: SecretBytes(copying: Array(pepper.utf8).span))
        mint = KeyMint(prefix: configuration.prefix, pepper: peppers.current)
        seal = RecordSeal(peppers: peppers)
    }

    /// A gatekeeper whose link is ready, with nothing left to be looked at.
    static func connected(_ directives: String = "") throws -> GateDriver {
        let driver = try GateDriver(directives)
        driver.connect()
        return driver
    }

    /// Opens the link and lets the store answer the handshake; forgets what that brought about.
    func connect() {
        tick()
        _ = turn()
        gatekeeper.linkOpened(0, at: now)
        serve()
        _ = logLines()
    }
}

// MARK: - Keys and records

extension GateDriver {
    /// Generates a key, as the executable does; the key before goes on for a grace.
    func generate(_ name: String, graceMilliseconds: UInt64 = 0, expiresIn span: UInt64? = nil)
        -> [UInt8]
    {
        let organization = Organization(name)!
        let owner = Principal("alice")!
        let minted = mint.mint(for: organization.locator)
        let record = record(of: organization) ?? register(organization, owner)
        let key = KeyRecord.Key(
            verifier: minted.verifier,
            createdAt: now.unix,
            createdBy: owner,
            expiresAt: span.map { now.unix.advanced(byMilliseconds: $0) }
        )
        write(record.replacingKey(with: key, graceMilliseconds: graceMilliseconds))
        return minted.text.withSpan { span in span.indices.map { span[$0] } }
    }

    private func register(_ organization: Organization, _ owner: Principal) -> KeyRecord {
        let record = KeyRecord(organization: organization, owner: owner)
        write(record)
        return record
    }

    func revoke(_ name: String) {
        write(record(of: Organization(name)!)!.revokingKey(at: now.unix))
    }

    private func write(_ record: KeyRecord) {
        store.write(record, seal: seal)
    }

    /// An organization's record as it is in the store, read back.
    private func record(of organization: Organization) -> KeyRecord? {
        guard let hash = store.hashes["latchkey:record:{\(organization.locator)}"] else {
            return nil
        }
        let fields = RecordField.allCases.map { field in
            hash[field.name].map { RedisReply.bulk(Array($0.utf8)[...]) } ?? .null
        }
        return try? StoredRecord(.array(fields)).record(at: organization.locator, seal: seal)
    }
}

// MARK: - What happens

extension GateDriver {
    /// Begins a check; returns its ticket, or its decision where that is known at once.
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

    /// Ends a turn of the event loop: carries out orders, as far as they are writes.
    func turn() -> Turn {
        var turn = Turn()
        while let (link, order) = gatekeeper.nextOrder(now) {
            #expect(link == 0)
            switch order {
            case .open(let endpoint): turn.opened.append(endpoint)
            case .close: turn.closed += 1
            case .write: turn.writes.append(TestStore.commands(in: output()))
            }
        }
        return turn
    }

    /// Bytes that wait, taken in pieces of a length.
    func output(pieceLength: Int = 65_536) -> [UInt8] {
        var output: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: pieceLength)
        while case let count = buffer.withUnsafeMutableBytes({
            gatekeeper.takeOutput(link: 0, into: $0)
        }),
            count > 0
        {
            output += buffer.prefix(count)
        }
        return output
    }

    func received(_ text: String) {
        received(Array(text.utf8))
    }

    func received(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { gatekeeper.linkReceived(0, $0, at: now) }
    }

    /// Ends the turn, and lets the store answer until nothing is asked any more.
    func serve() {
        while case let commands = turn().commands, !commands.isEmpty {
            received(store.answer(commands))
        }
    }

    func answers() -> [Answer] {
        var answers: [Answer] = []
        while let answer = gatekeeper.nextDecision() { answers.append(answer) }
        return answers
    }

    /// The requests that were answered, with what was found.
    func results() -> [UInt: Decision.Result] {
        Dictionary(answers().map { ($0.request, $0.decision.result) }) { _, _ in
            Issue.record("a request was answered twice")
            return .unavailable
        }
    }

    /// What is found for a key by a check that the store answers.
    func result(_ key: [UInt8]) -> Decision.Result? {
        if let decision = check(key, request: 4711).decision { return decision.result }
        serve()
        return results()[4711]
    }

    func logLines() -> [EventLog.Line] {
        var lines: [EventLog.Line] = []
        while let line = gatekeeper.nextLogLine() { lines.append(line) }
        return lines
    }
}

/// What was ordered in one turn of the event loop.
struct Turn {
    var opened: [Endpoint] = []
    var closed = 0
    var writes: [[[String]]] = []

    /// The commands of all writes.
    var commands: [[String]] { writes.flatMap { $0 } }

    /// The keys that were read.
    var reads: [String] { commands.filter { $0[0] == "HMGET" }.map { $0[1] } }

    var isEmpty: Bool { opened.isEmpty && closed == 0 && writes.isEmpty }
}

/// A folder that is removed with its last user.
final class TemporaryFolder {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "latchkey-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// Writes a file that only its owner may use; returns its path.
    func file(_ name: String, _ contents: String) throws -> String {
        let file = "\(path)/\(name)"
        try Data(contents.utf8).write(to: URL(fileURLWithPath: file))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
        return file
    }
}

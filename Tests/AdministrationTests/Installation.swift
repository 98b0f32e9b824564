import Glibc
import KeyFormat
import Keyring
import RedisClient

@testable import Administration

/// A Redis, a pepper and a configuration, and the accounts that work with them.
struct Installation: Sendable {
    static let acme = Organization("acme")!
    static let alice = Principal("alice")!

    let redis: RedisServer
    private let settings: [Directive]

    init(settings: [Directive] = []) throws {
        redis = try RedisServer()
        let pepperFile = "\(redis.folder)/pepper"
        var file = try NewFile(pepperFile, mode: 0o600)
        try PepperRing.makeContents().withSpan { contents throws(AdministrationError) in
            try file.commit(contents)
        }
        let shortLease = Directive(name: "latchkey_lease", values: ["50ms"])
        let isLeaseGiven = settings.contains { $0.name == shortLease.name }
        self.settings =
            [Directive(name: "latchkey_pepper_file", values: [pepperFile])] + settings
            + (isLeaseGiven ? [] : [shortLease])
    }

    /// The services for an account, acting as itself or as another principal.
    func administration(
        _ account: String = "alice",
        as principal: String? = nil,
        through proxy: CuttingProxy? = nil
    ) throws -> AdministrationContext {
        let configuration = try configuration(through: proxy)
        return try AdministrationContext(
            configuration,
            caller: caller(account, principal, configuration)
        )
    }

    /// Revocation without the pepper, for an account; `nil` if the pepper exists.
    func pepperless(
        _ account: String = "alice",
        as principal: String? = nil
    ) throws -> UnprovenRevocation? {
        let configuration = try configuration()
        return try UnprovenRevocation(
            configuration,
            caller: caller(account, principal, configuration)
        )
    }

    func configuration(through proxy: CuttingProxy? = nil) throws -> Configuration {
        let store = "unix:\(proxy?.path ?? redis.socket)"
        return try Configuration(
            settings + [Directive(name: "latchkey_store", values: [store])]
        )
    }

    private func caller(
        _ account: String,
        _ principal: String?,
        _ configuration: Configuration
    ) -> Caller {
        Caller(
            account: Principal(account)!,
            as: principal.flatMap { Principal($0) },
            operators: configuration.operators
        )
    }

    /// The records, without access control.
    func recordStore() throws -> RecordStore {
        let pepper = try SecretFile.read("\(redis.folder)/pepper")
        let seal = RecordSeal(peppers: try PepperRing(contents: pepper))
        let connection = StoreConnection(at: .unix(path: redis.socket), credentials: nil)
        return RecordStore(connection, clock: SystemClock(), seal: seal)
    }

    /// The Redis key of acme's last uses.
    var used: String { "latchkey:used:{\("\(Self.acme.locator)".prefix(1))}" }

    /// Hands the store's term over, so that no change waits for workers that the membership list may lack.
    func handOver() throws {
        let information = StoreInformation(try redis("INFO", "replication"))
        let field = "term:\(information?["master_replid"] ?? ""):g1"
        let list = "latchkey:{gateways}"
        _ = try redis("HSET", list, "generation", "g1", "checksum", "0")
        _ = try redis("HSET", list, field, "9999999999999999999:0")
    }

    /// Adds acme for alice, with a key or without. Returns the key.
    @discardableResult
    func addAcme(withKey: Bool = true) throws -> String {
        _ = try administration("root").organizations.add(Self.acme, owner: Self.alice)
        return withKey ? try generate() : ""
    }

    /// Generates a key for acme.
    @discardableResult
    func generate(expiresIn span: UInt64? = nil, grace: UInt64 = 0) throws -> String {
        try administration().keys.generate(
            for: Self.acme,
            lifetime: KeyLifetime(expiresInMilliseconds: span, graceMilliseconds: grace)
        ).text.string
    }

    /// What the executable decides about a key.
    func verification(of key: String) throws -> KeyVerification {
        try administration().keys.verify(Array(key.utf8).span)
    }

    /// The Redis key of acme's record, or another one that belongs to it.
    func storeKey(_ kind: String = "record") -> String {
        "latchkey:\(kind):{\(Self.acme.locator)}"
    }

    /// The stored fields of acme's record.
    func fields() throws -> [String: String] {
        guard case .array(let texts) = try redis("HGETALL", storeKey()) else { return [:] }
        let words = texts.map(\.string)
        return Dictionary(
            uniqueKeysWithValues: stride(from: 0, to: words.count, by: 2).map {
                (words[$0], words[$0 + 1])
            }
        )
    }
}

/// The kind of error that `body` throws; `nil` if it throws none.
func failure(_ body: () throws -> Void) -> AdministrationError.Kind? {
    do {
        try body()
        return nil
    } catch {
        return (error as? AdministrationError)?.kind
    }
}

extension SecretBytes {
    /// The text, which only tests may copy out of `SecretBytes`.
    var string: String {
        withSpan { span in String(decoding: span.indices.map { span[$0] }, as: UTF8.self) }
    }
}

extension RedisReply {
    /// The reply's text; empty for other replies.
    var string: String {
        switch self {
        case .bulk(let text), .status(let text), .error(let text):
            String(decoding: text, as: UTF8.self)
        default: ""
        }
    }
}

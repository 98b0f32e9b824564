import KeyFormat
import RedisClient

/// The directives that the nginx module and the executable share, validated.
public struct Configuration: Sendable {
    /// The file that the executable reads by default.
    public static let standardPath = "/etc/latchkey/latchkey.conf"

    /// When a check reads the store.
    public enum Consistency: String, Sendable {
        /// Only if the record is not cached, or the lease has ended.
        case leased
        /// At every check.
        case strict
    }

    /// `latchkey_store`
    public private(set) var topology: Topology
    /// `latchkey_store_auth gateway=…`: the file with the Redis user and password of the workers.
    public private(set) var gatewayCredentialsFile: String?
    /// `latchkey_store_auth admin=…`: the file with the Redis user and password of the
    /// executable.
    public private(set) var adminCredentialsFile: String?
    /// `latchkey_store_auth sentinel=…`: the file with the user and password that both programs use at the
    /// sentinels.
    public private(set) var sentinelCredentialsFile: String?
    /// `latchkey_copies`: the number of servers that must hold a change; `nil` for the primary and every
    /// replica that the sentinels know.
    public private(set) var copies: Int?
    /// `latchkey_store_tls`: `nil` where the store is reached without TLS.
    public private(set) var tls: StoreTLS?
    /// `latchkey_pepper_file`
    public private(set) var pepperFile = "/etc/latchkey/pepper"
    /// `latchkey_prefix`
    public private(set) var prefix = KeyPrefix.standard
    /// `latchkey_consistency`
    public private(set) var consistency = Consistency.leased
    /// `latchkey_outage_grace`, in milliseconds.
    public private(set) var graceMilliseconds: UInt64 = 0
    /// `latchkey_cache_size`: number of records that a worker caches.
    public private(set) var cacheSize = 100_000
    /// `latchkey_timeout`, in milliseconds.
    public private(set) var timeoutMilliseconds: UInt64 = 500
    /// `latchkey_operators`: accounts, besides root, that may act on behalf of
    /// another principal.
    public private(set) var operators: Set<String> = ["root"]
    /// `latchkey_delegates`: accounts that may manage keys on behalf of another principal, and nothing
    /// else.
    public private(set) var delegates: Set<String> = []
    /// `latchkey_rotate_after`, in milliseconds.
    public private(set) var rotateAfterMilliseconds: UInt64?

    /// `latchkey_library`: the library that nginx loads; `nil` for the one installed with the module.
    public private(set) var libraryFile: String?

    /// `latchkey_lease`, in milliseconds.
    private var configuredLeaseMilliseconds: UInt64 = 1000

    /// How long a worker trusts its cache after it was last certainly up to date, an outage of the
    /// store included, in milliseconds: lease and grace. With failover it trusts what a primary replies as
    /// long, strict or not.
    public var trustMilliseconds: UInt64 {
        (topology.hasFailover ? fenceMilliseconds : leaseMilliseconds) + graceMilliseconds
    }

    /// How long a worker trusts a primary after it last asked the sentinels that named it, in milliseconds.
    public var fenceMilliseconds: UInt64 { configuredLeaseMilliseconds }

    /// How long a worker trusts its cache after it was last certainly up to date, while the store is
    /// available, in milliseconds; 0 with strict consistency.
    public var leaseMilliseconds: UInt64 {
        switch consistency {
        case .leased: configuredLeaseMilliseconds
        case .strict: 0
        }
    }

    /// Validates directives. Those of nginx and of other modules are skipped.
    ///
    /// - Throws: The first fault, in the order of the directives.
    public init(_ directives: [Directive]) throws(ConfigurationFault) {
        topology = try Self.topology(["redis://127.0.0.1:6379"])
        var seen: Set<String> = []
        for directive in directives where directive.isForLatchkey {
            guard !Self.locationDirectives.contains(directive.name) else { continue }
            guard seen.insert(directive.name).inserted else {
                throw directive.fault("is duplicate")
            }
            try read(directive)
        }
        func last(_ name: String) -> Directive? { directives.last { $0.name == name } }
        try checkTLS(last(StoreTLS.directive))
        try checkFailover(auth: last("latchkey_store_auth"), copies: last("latchkey_copies"))
    }

    /// Directives of locations: the module handles them, but they may appear in the same file.
    private static let locationDirectives: Set = [
        "latchkey_credential", "latchkey_end_streams", "latchkey_error_format", "latchkey_realm",
        "latchkey_verify",
    ]

    private mutating func read(_ directive: Directive) throws(ConfigurationFault) {
        switch directive.name {
        case "latchkey_store":
            topology = try directive.faulting { () throws(ConfigurationFault) in
                try Self.topology(directive.values)
            }
        case "latchkey_store_auth": try readStoreAuth(directive)
        case "latchkey_copies": copies = try directive.count(1...16)
        case StoreTLS.directive: tls = try StoreTLS(directive)
        case "latchkey_pepper_file": pepperFile = try directive.path()
        case "latchkey_prefix": prefix = try directive.prefix()
        case "latchkey_consistency": consistency = try directive.consistency()
        case "latchkey_lease": configuredLeaseMilliseconds = try directive.time(50...3_600_000)
        case "latchkey_outage_grace": graceMilliseconds = try directive.time(0...604_800_000)
        case "latchkey_cache_size": cacheSize = try directive.count(1...10_000_000)
        case "latchkey_timeout": timeoutMilliseconds = try directive.time(1...60_000)
        case "latchkey_operators": operators = Set(try directive.accounts()).union(["root"])
        case "latchkey_delegates": delegates = Set(try directive.accounts())
        case "latchkey_rotate_after": rotateAfterMilliseconds = try directive.time(1...UInt64.max)
        case "latchkey_library": libraryFile = try directive.path()
        case let name where name.utf8.contains { (0x41...0x5A).contains($0) }:
            throw directive.fault("is unknown: directives are written in lower case")
        default: throw directive.fault("is unknown")
        }
    }

    private mutating func readStoreAuth(_ directive: Directive) throws(ConfigurationFault) {
        guard !directive.values.isEmpty else {
            throw directive.fault("requires gateway=FILE, admin=FILE or sentinel=FILE")
        }
        for value in directive.values {
            if value.hasPrefix("gateway=/") {
                gatewayCredentialsFile = String(value.dropFirst("gateway=".count))
            } else if value.hasPrefix("admin=/") {
                adminCredentialsFile = String(value.dropFirst("admin=".count))
            } else if value.hasPrefix("sentinel=/") {
                sentinelCredentialsFile = String(value.dropFirst("sentinel=".count))
            } else {
                throw directive.fault(
                    "accepts only gateway=FILE, admin=FILE and sentinel=FILE, with absolute paths"
                )
            }
        }
    }

    /// Directives come in any order, so this follows the last one.
    private mutating func checkTLS(_ directive: Directive?) throws(ConfigurationFault) {
        guard topology.isSecure else {
            guard let directive else { return }
            throw directive.fault("requires a latchkey_store with TLS, such as rediss://host:port")
        }
        if tls == nil { tls = StoreTLS() }
    }

    /// What makes sense only where another server may become the primary.
    private func checkFailover(auth: Directive?, copies: Directive?) throws(ConfigurationFault) {
        let usesSentinels = if case .sentinel = topology { true } else { false }
        let example = "sentinel://host:port,host:port/name"
        if sentinelCredentialsFile != nil, !usesSentinels, let auth {
            throw auth.fault(
                "with sentinel= requires a latchkey_store with sentinels, such as \(example)"
            )
        }
        if !topology.hasFailover, let copies, self.copies != 1 {
            throw copies.fault(
                "of more than 1 requires a latchkey_store with replicas, such as \(example) "
                    + "or cluster://host:port,host:port"
            )
        }
    }

    private static func topology(_ values: [String]) throws(ConfigurationFault) -> Topology {
        guard let text = values.first, values.count == 1 else {
            throw ConfigurationFault("requires exactly one URL")
        }
        // The URL itself is not repeated: it may contain a password by mistake.
        return try translating(try Topology(text)) { (fault: StoreURL.Fault) in
            ConfigurationFault("names a URL that \(fault)")
        }
    }
}

// MARK: - Values

extension Directive {
    /// Whether the name is one of Latchkey's, in lower or upper case. nginx accepts lower case alone.
    fileprivate var isForLatchkey: Bool {
        name.utf8.prefix(9).elementsEqual("latchkey_".utf8) { $0 == $1 || $0 | 0x20 == $1 }
    }

    /// A fault that names this directive, its line and its file.
    public func fault(_ message: String) -> ConfigurationFault {
        ConfigurationFault(directive: name, line: line, file: file, "\"\(name)\" \(message)")
    }

    /// Runs `body`, and adds this directive to its fault.
    fileprivate func faulting<Value>(
        _ body: () throws(ConfigurationFault) -> Value
    ) throws(ConfigurationFault) -> Value {
        try translating(try body()) { (error: ConfigurationFault) in fault(error.message) }
    }

    /// The only value.
    ///
    /// - Throws: A fault if there is none, or more than one.
    public func value() throws(ConfigurationFault) -> String {
        guard let value = values.first, values.count == 1 else {
            throw fault("requires exactly one value")
        }
        return value
    }

    fileprivate func path() throws(ConfigurationFault) -> String { try path(try value()) }

    /// Requires one of the values to be an absolute path.
    func path(_ path: String) throws(ConfigurationFault) -> String {
        guard path.hasPrefix("/") else { throw fault("requires an absolute path, not \"\(path)\"") }
        return path
    }

    fileprivate func prefix() throws(ConfigurationFault) -> KeyPrefix {
        guard let prefix = KeyPrefix(try value().utf8) else {
            throw fault(
                "must be 2 to 12 of a-z and 0-9, beginning with a letter, and may end with _live or _test"
            )
        }
        return prefix
    }

    fileprivate func consistency() throws(ConfigurationFault) -> Configuration.Consistency {
        guard let consistency = Configuration.Consistency(rawValue: try value()) else {
            throw fault("must be leased or strict")
        }
        return consistency
    }

    fileprivate func time(_ range: ClosedRange<UInt64>) throws(ConfigurationFault) -> UInt64 {
        let text = try value()
        guard let span = TimeSpan.milliseconds(text), range.contains(span) else {
            throw fault(
                "must be a time with a unit, such as 500ms, 1s, 10m or 90d, within its limits, "
                    + "not \"\(text)\""
            )
        }
        return span
    }

    fileprivate func count(_ range: ClosedRange<UInt64>) throws(ConfigurationFault) -> Int {
        let text = try value()
        guard let number = DecimalNumber.value(of: text.utf8), range.contains(number) else {
            throw fault(
                "must be a number from \(range.lowerBound) to \(range.upperBound), not \"\(text)\""
            )
        }
        return Int(number)
    }

    fileprivate func accounts() throws(ConfigurationFault) -> [String] {
        guard !values.isEmpty else { throw fault("requires account names") }
        for value in values where Principal(value) == nil {
            throw fault("requires account names, not \"\(value)\"")
        }
        return values
    }
}

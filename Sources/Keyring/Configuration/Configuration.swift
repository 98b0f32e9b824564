import KeyFormat
import RedisClient

/// The file that both programs read, understood.
public struct Configuration: Sendable {
    /// Where the executable looks where nothing else is said.
    public static let standardPath = "/etc/latchkey/latchkey.conf"

    /// How a check relates to the store.
    public enum Consistency: String, Sendable {
        /// A check is decided by what is known, while the store would tell of any change.
        case leased
        /// Every check reads the store.
        case strict
    }

    /// `latchkey_store`
    public private(set) var topology: Topology
    /// `latchkey_store_auth gateway=…`: the file with the gateways' user and password.
    public private(set) var gatewayCredentialsFile: String?
    /// `latchkey_store_auth admin=…`: the file with the executable's user and password.
    public private(set) var adminCredentialsFile: String?
    /// `latchkey_pepper_file`
    public private(set) var pepperFile = "/etc/latchkey/pepper"
    /// `latchkey_prefix`
    public private(set) var prefix = KeyPrefix.standard
    /// `latchkey_consistency`
    public private(set) var consistency = Consistency.leased
    /// `latchkey_outage_grace`, in milliseconds.
    public private(set) var graceMilliseconds: UInt64 = 0
    /// `latchkey_cache_size`: records that a worker keeps.
    public private(set) var cacheSize = 100_000
    /// `latchkey_timeout`, in milliseconds.
    public private(set) var timeoutMilliseconds: UInt64 = 500
    /// `latchkey_operators`: the accounts that may act as somebody else, besides root.
    public private(set) var operators: Set<String> = ["root"]
    /// `latchkey_rotate_after`, in milliseconds.
    public private(set) var rotateAfterMilliseconds: UInt64?

    /// `latchkey_library`: the library that nginx loads; `nil` where the one is meant that was
    /// installed with the module.
    public private(set) var libraryFile: String?

    /// `latchkey_lease`, in milliseconds.
    private var configuredLeaseMilliseconds: UInt64 = 1000

    /// How long a worker goes on trusting what it knew when it last heard from the store, an outage
    /// included, in milliseconds.
    public var trustMilliseconds: UInt64 { leaseMilliseconds + graceMilliseconds }

    /// Longest time for which a worker trusts what it knows without hearing from the store, in
    /// milliseconds: nothing for strict consistency.
    public var leaseMilliseconds: UInt64 {
        switch consistency {
        case .leased: configuredLeaseMilliseconds
        case .strict: 0
        }
    }

    /// Reads directives. Those that are nginx's own business are passed over.
    public init(_ directives: [Directive]) throws(ConfigurationFault) {
        topology = try Self.topology(["redis://127.0.0.1:6379"])
        var seen: Set<String> = []
        for directive in directives where directive.isLatchkeys {
            guard !Self.locationDirectives.contains(directive.name) else { continue }
            guard seen.insert(directive.name).inserted else {
                throw directive.fault("is duplicate")
            }
            try read(directive)
        }
    }

    /// What may stand in the same file for nginx, and says nothing about the store.
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
        case "latchkey_pepper_file": pepperFile = try directive.path()
        case "latchkey_prefix": prefix = try directive.prefix()
        case "latchkey_consistency": consistency = try directive.consistency()
        case "latchkey_lease": configuredLeaseMilliseconds = try directive.time(50...3_600_000)
        case "latchkey_outage_grace": graceMilliseconds = try directive.time(0...604_800_000)
        case "latchkey_cache_size": cacheSize = try directive.count(1...10_000_000)
        case "latchkey_timeout": timeoutMilliseconds = try directive.time(1...60_000)
        case "latchkey_operators": operators = Set(try directive.accounts()).union(["root"])
        case "latchkey_rotate_after": rotateAfterMilliseconds = try directive.time(1...UInt64.max)
        case "latchkey_library": libraryFile = try directive.path()
        case let name where name.utf8.contains { (0x41...0x5A).contains($0) }:
            throw directive.fault("is not known: directives are written in small letters")
        default: throw directive.fault("is not known")
        }
    }

    private mutating func readStoreAuth(_ directive: Directive) throws(ConfigurationFault) {
        guard !directive.values.isEmpty else {
            throw directive.fault("needs gateway=FILE, admin=FILE or both")
        }
        for value in directive.values {
            if value.hasPrefix("gateway=/") {
                gatewayCredentialsFile = String(value.dropFirst("gateway=".count))
            } else if value.hasPrefix("admin=/") {
                adminCredentialsFile = String(value.dropFirst("admin=".count))
            } else {
                throw directive.fault(
                    "takes gateway=FILE and admin=FILE, with absolute paths"
                )
            }
        }
    }

    private static func topology(_ values: [String]) throws(ConfigurationFault) -> Topology {
        guard let text = values.first, values.count == 1 else {
            throw ConfigurationFault("takes one URL")
        }
        do throws(StoreURL.Fault) {
            return .standalone(try StoreURL(text))
        } catch {
            // The URL is not repeated: it may hold a password, though it should not.
            throw ConfigurationFault("names a URL that \(error)")
        }
    }
}

// MARK: - Values

extension Directive {
    /// Whether it is meant for Latchkey, in whatever letters: nginx knows small ones alone.
    fileprivate var isLatchkeys: Bool {
        name.utf8.prefix(9).elementsEqual("latchkey_".utf8) { $0 == $1 || $0 | 0x20 == $1 }
    }

    /// A fault of this directive.
    public func fault(_ message: String) -> ConfigurationFault {
        ConfigurationFault(directive: name, line: line, file: file, "\"\(name)\" \(message)")
    }

    /// Puts this directive into a fault that names none.
    fileprivate func faulting<Value>(
        _ body: () throws(ConfigurationFault) -> Value
    ) throws(ConfigurationFault) -> Value {
        do throws(ConfigurationFault) {
            return try body()
        } catch {
            throw fault(error.message)
        }
    }

    private func value() throws(ConfigurationFault) -> String {
        guard let value = values.first, values.count == 1 else { throw fault("takes one value") }
        return value
    }

    fileprivate func path() throws(ConfigurationFault) -> String {
        let path = try value()
        guard path.hasPrefix("/") else { throw fault("needs an absolute path, not \"\(path)\"") }
        return path
    }

    fileprivate func prefix() throws(ConfigurationFault) -> KeyPrefix {
        guard let prefix = KeyPrefix(try value().utf8) else {
            throw fault(
                "takes 2 to 12 of a-z 0-9, a letter first, and _live or _test behind them if wanted"
            )
        }
        return prefix
    }

    fileprivate func consistency() throws(ConfigurationFault) -> Configuration.Consistency {
        guard let consistency = Configuration.Consistency(rawValue: try value()) else {
            throw fault("takes leased or strict")
        }
        return consistency
    }

    fileprivate func time(_ range: ClosedRange<UInt64>) throws(ConfigurationFault) -> UInt64 {
        let text = try value()
        guard let span = TimeSpan.milliseconds(text), range.contains(span) else {
            throw fault(
                "takes a time with its unit, such as 500ms, 1s, 10m or 90d, within its bounds, "
                    + "not \"\(text)\""
            )
        }
        return span
    }

    fileprivate func count(_ range: ClosedRange<UInt64>) throws(ConfigurationFault) -> Int {
        let text = try value()
        guard let number = DecimalNumber.value(of: text.utf8), range.contains(number) else {
            throw fault(
                "takes a number from \(range.lowerBound) to \(range.upperBound), not \"\(text)\""
            )
        }
        return Int(number)
    }

    fileprivate func accounts() throws(ConfigurationFault) -> [String] {
        guard !values.isEmpty else { throw fault("takes names of accounts") }
        for value in values where Principal(value) == nil {
            throw fault("takes names of accounts, not \"\(value)\"")
        }
        return values
    }
}

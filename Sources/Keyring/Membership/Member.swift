import RedisClient

/// An nginx worker in the membership list: a field of the hash `latchkey:{gateways}`.
///
/// The executable reads the list after it has changed a record. It then knows which workers have to
/// acknowledge the change, and how long a worker that does not respond may trust its cache.
public struct Member: Equatable, Sendable {
    /// Identifies a worker process; never reused.
    public struct ID: Hashable, Sendable, CustomStringConvertible {
        /// 16 hexadecimal digits.
        public let description: String

        /// The ID made from a random number.
        public init(_ number: UInt64) {
            let digits = String(number, radix: 16)
            description = String(repeating: "0", count: 16 - digits.utf8.count) + digits
        }

        /// A stored ID: 1 to 64 letters, digits, `.`, `_` or `-`; `nil` for anything else.
        public init?(_ text: some Collection<UInt8>) {
            guard (1...64).contains(text.count), text.allSatisfy(\.isNameCharacter) else {
                return nil
            }
            description = String(decoding: text, as: UTF8.self)
        }
    }

    /// Tells the registrations of a worker apart, and adds up in the checksum of the list.
    public struct Token: Hashable, Sendable, CustomStringConvertible {
        private static let bits = 40

        let number: Int64

        /// A new token.
        public init(using generator: inout some RandomNumberGenerator) {
            number = Int64.random(in: 0..<1 << Self.bits, using: &generator)
        }

        /// Parses hexadecimal digits; `nil` for anything else.
        init?(_ text: String) {
            guard let number = Int64(text, radix: 16), (0..<1 << Self.bits).contains(number),
                text.utf8.allSatisfy(\.isNameCharacter), text.first != "-"
            else { return nil }
            self.number = number
        }

        /// Hexadecimal digits.
        public var description: String { String(number, radix: 16) }
    }

    /// The name of the field.
    public let id: ID
    /// The host name.
    public let host: String
    /// The process ID of the worker.
    public let processID: UInt64
    /// The version of the library that the worker has loaded.
    public let version: String
    /// Whether Redis sends it invalidations. A worker without tracking neither caches nor acknowledges
    /// anything; it rechecks its open requests within ``leaseMilliseconds``.
    public let isTracking: Bool
    /// How long it trusts its cache after it was last certainly up to date, in milliseconds; 0 if it
    /// reads the store at every check.
    public let leaseMilliseconds: UInt64
    /// How long it then still accepts cached keys while the store is unreachable, in milliseconds.
    public let graceMilliseconds: UInt64
    /// Tells this registration from the worker's others.
    public let token: Token
    /// The digest of the sentinels that it asks for the primary; `nil` where it asks none.
    public let witnesses: String?

    /// - Parameters:
    ///   - host: The host name; characters other than letters, digits, `.`, `_`, `:` and `-` become `?`.
    ///   - witnesses: ``SentinelURL/digest``.
    public init(
        id: ID,
        host: String,
        processID: UInt64,
        version: String,
        isTracking: Bool = true,
        leaseMilliseconds: UInt64,
        graceMilliseconds: UInt64,
        token: Token,
        witnesses: String? = nil
    ) {
        self.id = id
        self.host = Self.plain(host)
        self.processID = processID
        self.version = Self.plain(version)
        self.isTracking = isTracking
        self.leaseMilliseconds = leaseMilliseconds
        self.graceMilliseconds = graceMilliseconds
        self.token = token
        self.witnesses = witnesses.map(Self.plain)
    }

    /// How long the worker may trust its cache after it was last certainly up to date, in milliseconds:
    /// lease and grace.
    public var trustMilliseconds: UInt64 {
        let (sum, overflow) = leaseMilliseconds.addingReportingOverflow(graceMilliseconds)
        return overflow ? .max : sum
    }

    private static func plain(_ text: String) -> String {
        let bytes = text.utf8.prefix(64).map { isPlain($0) ? $0 : UInt8(ascii: "?") }
        return bytes.isEmpty ? "?" : String(decoding: bytes, as: UTF8.self)
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        byte.isNameCharacter || byte == UInt8(ascii: ":")
    }
}

// MARK: - Storage format

extension Member {
    private static let on = "on"
    private static let off = "off"

    private enum Attribute: String, CaseIterable {
        case host
        case pid
        case version
        case tracking
        case lease
        case grace
        case token
        case witnesses
    }

    /// The value of the field: `name=value` pairs separated by spaces, times in milliseconds.
    var text: String {
        Attribute.allCases.compactMap { attribute in
            value(attribute).map { "\(attribute.rawValue)=\($0)" }
        }.joined(separator: " ")
    }

    private func value(_ attribute: Attribute) -> String? {
        switch attribute {
        case .host: host
        case .pid: String(processID)
        case .version: version
        case .tracking: isTracking ? Self.on : Self.off
        case .lease: String(leaseMilliseconds)
        case .grace: String(graceMilliseconds)
        case .token: token.description
        case .witnesses: witnesses
        }
    }

    /// Parses a field; `nil` if an attribute is missing or invalid. Attributes of later versions are
    /// skipped.
    init?(field: some Collection<UInt8>, value: ArraySlice<UInt8>) {
        guard let id = ID(field), let texts = NamedValues.parse(value) else { return nil }
        func text(_ attribute: Attribute) -> String? {
            texts[attribute.rawValue].map { String(decoding: $0, as: UTF8.self) }
        }
        func number(_ attribute: Attribute) -> UInt64? {
            texts[attribute.rawValue].flatMap { DecimalNumber.value(of: $0) }
        }
        let tracking = text(.tracking) ?? Self.on
        guard [Self.on, Self.off].contains(tracking),
            let host = text(.host), let pid = number(.pid), let version = text(.version),
            let lease = number(.lease), let grace = number(.grace),
            let token = text(.token).flatMap({ Token($0) })
        else { return nil }
        self.init(
            id: id,
            host: host,
            processID: pid,
            version: version,
            isTracking: tracking == Self.on,
            leaseMilliseconds: lease,
            graceMilliseconds: grace,
            token: token,
            witnesses: text(.witnesses)
        )
    }
}

/// What a gateway's worker says of itself in `latchkey:gateways`: one field of the hash.
///
/// Whoever changes a record reads all entries, and knows from them who has to confirm the change and
/// how long the silent ones may go on trusting what they knew before.
public struct Member: Equatable, Sendable {
    /// Names a worker for as long as it lives; never used again.
    public struct ID: Hashable, Sendable, CustomStringConvertible {
        /// 16 hexadecimal digits.
        public let description: String

        /// The name that a random number stands for.
        public init(_ number: UInt64) {
            let digits = String(number, radix: 16)
            description = String(repeating: "0", count: 16 - digits.utf8.count) + digits
        }

        /// A stored name: 1 to 64 letters, digits, `.`, `_`, `:` or `-`. `nil` for anything else.
        public init?(_ text: some Collection<UInt8>) {
            guard (1...64).contains(text.count), text.allSatisfy(Member.isPlain) else {
                return nil
            }
            description = String(decoding: text, as: UTF8.self)
        }
    }

    /// The field's name.
    public let id: ID
    /// The machine's name.
    public let host: String
    /// The worker's process.
    public let processID: UInt64
    /// The version of its library.
    public let version: String
    /// Whether the store tells it of changes. A worker without tracking caches nothing, confirms
    /// nothing, and looks at its open requests within ``leaseMilliseconds``.
    public let isTracking: Bool
    /// Longest time for which it trusts what it knows without hearing from the store, in
    /// milliseconds; 0 where it reads the store for every check.
    public let leaseMilliseconds: UInt64
    /// For how long, after that, it lets known keys in while the store cannot be reached.
    public let graceMilliseconds: UInt64
    /// When it wrote this, by its own clock: for people, not for decisions.
    public let heartbeatAt: UnixTime
    /// Number of records that it keeps.
    public let recordsCached: UInt64

    /// - Parameters:
    ///   - host: The machine's name; what is no letter, digit, `.`, `_`, `:` or `-` becomes `?`.
    public init(
        id: ID,
        host: String,
        processID: UInt64,
        version: String,
        isTracking: Bool = true,
        leaseMilliseconds: UInt64,
        graceMilliseconds: UInt64,
        heartbeatAt: UnixTime,
        recordsCached: UInt64
    ) {
        self.id = id
        self.host = Self.plain(host)
        self.processID = processID
        self.version = Self.plain(version)
        self.isTracking = isTracking
        self.leaseMilliseconds = leaseMilliseconds
        self.graceMilliseconds = graceMilliseconds
        self.heartbeatAt = heartbeatAt
        self.recordsCached = recordsCached
    }

    /// How long the worker may go on trusting what it knew when it last heard from the store.
    public var trustMilliseconds: UInt64 {
        let (sum, overflow) = leaseMilliseconds.addingReportingOverflow(graceMilliseconds)
        return overflow ? .max : sum
    }

    private static func plain(_ text: String) -> String {
        let bytes = text.utf8.prefix(64).map { isPlain($0) ? $0 : UInt8(ascii: "?") }
        return bytes.isEmpty ? "?" : String(decoding: bytes, as: UTF8.self)
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: ":"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "-"):
            true
        default: false
        }
    }
}

// MARK: - As it is stored

extension Member {
    private static let on = "on"
    private static let off = "off"

    private enum Word: String, CaseIterable {
        case host
        case pid
        case version
        case tracking
        case lease
        case grace
        case heartbeat
        case cached
    }

    /// The field's value: words `name=value` with a space between them, times in milliseconds.
    var text: String {
        Word.allCases.map { "\($0.rawValue)=\(value($0))" }.joined(separator: " ")
    }

    private func value(_ word: Word) -> String {
        switch word {
        case .host: host
        case .pid: String(processID)
        case .version: version
        case .tracking: isTracking ? Self.on : Self.off
        case .lease: String(leaseMilliseconds)
        case .grace: String(graceMilliseconds)
        case .heartbeat: String(heartbeatAt.milliseconds)
        case .cached: String(recordsCached)
        }
    }

    /// Reads a field. `nil` where a word is missing or is not what it must be; words of later
    /// versions are passed over.
    init?(field: some Collection<UInt8>, value: ArraySlice<UInt8>) {
        guard let id = ID(field) else { return nil }
        var words: [String: ArraySlice<UInt8>] = [:]
        for word in value.split(separator: UInt8(ascii: " ")) {
            guard let equals = word.firstIndex(of: UInt8(ascii: "=")) else { return nil }
            words[String(decoding: word[..<equals], as: UTF8.self)] = word[equals...].dropFirst()
        }
        func text(_ word: Word) -> String? {
            words[word.rawValue].map { String(decoding: $0, as: UTF8.self) }
        }
        func number(_ word: Word) -> UInt64? {
            words[word.rawValue].flatMap { DecimalNumber.value(of: $0) }
        }
        let tracking = text(.tracking) ?? Self.on
        guard [Self.on, Self.off].contains(tracking),
            let host = text(.host), let pid = number(.pid), let version = text(.version),
            let lease = number(.lease), let grace = number(.grace), let cached = number(.cached),
            let heartbeat = words[Word.heartbeat.rawValue].flatMap({ UnixTime(decimal: $0) })
        else { return nil }
        self.init(
            id: id,
            host: host,
            processID: pid,
            version: version,
            isTracking: tracking == Self.on,
            leaseMilliseconds: lease,
            graceMilliseconds: grace,
            heartbeatAt: heartbeat,
            recordsCached: cached
        )
    }
}

import Keyring

/// What the store has had for each organization, and since when: the truth by which decisions are
/// judged.
struct Ledger {
    /// A key that was issued here; its number is its place in ``keys``.
    struct Key {
        let organization: String
        let verifier: String
        /// `nil` where its owner was never told.
        var text: [UInt8]?
        /// Since when every gateway is promised to know of it.
        var confirmedAt: Nanoseconds?
        /// From when on every gateway is promised to refuse it.
        var end: End?
    }

    /// A promise about checks that begin after a step.
    struct End {
        let step: Int
        /// The key goes on until then, by the Unix time of who checks.
        let until: UnixTime?
    }

    /// A key that a record lets in.
    struct Acceptance {
        let key: Int
        let until: UnixTime?

        func counts(at now: UnixTime) -> Bool { until.map { now < $0 } ?? true }
    }

    /// A record from when it was written until it was overwritten.
    struct Moment {
        let from: Nanoseconds
        let author: Client?
        /// 0 where there is no record.
        let version: UInt64
        /// The active key, then the one before it.
        let accepted: [Acceptance]

        var isRevoked: Bool { version > 0 && accepted.isEmpty }
    }

    private(set) var keys: [Key] = []

    /// When somebody last emptied the store, and with it the list of gateways; and until when nobody
    /// knows who trusts what was before.
    private var emptied: (at: Nanoseconds, until: Nanoseconds) = (0, 0)

    private var numbers: [String: Int] = [:]
    private var histories: [String: [Moment]] = [:]

    /// What an organization's record has been; at first there was none.
    func history(_ organization: String) -> [Moment] {
        histories[organization] ?? [Moment(from: 0, author: nil, version: 0, accepted: [])]
    }

    func latest(_ organization: String) -> Moment { history(organization).last! }

    /// The highest version that an organization's record has had.
    func versionMax(_ organization: String) -> UInt64 {
        history(organization).map(\.version).max() ?? 0
    }

    /// Whether a record is in the store that is older than another one was.
    func isOutdated(_ organization: String) -> Bool {
        latest(organization).version < versionMax(organization)
    }
}

// MARK: - Writing

extension Ledger {
    /// The number of a key, by what the store has of it.
    mutating func number(of verifier: String, _ organization: String) -> Int {
        if let number = numbers[verifier] { return number }
        keys.append(Key(organization: organization, verifier: verifier))
        numbers[verifier] = keys.count - 1
        return keys.count - 1
    }

    mutating func tell(_ text: [UInt8], of key: Int) { keys[key].text = text }

    /// Notes a record as the store has it now.
    mutating func note(
        _ hash: [String: String]?,
        of organization: String,
        at now: Nanoseconds,
        by author: Client
    ) {
        var accepted: [Acceptance] = []
        if let hash, hash["state"] == "active" {
            for (field, end) in [
                ("verifier", "expires_at"), ("previous_verifier", "previous_until"),
            ] {
                guard let verifier = hash[field] else { continue }
                let until = hash[end].flatMap { UnixTime(decimal: $0.utf8) }
                accepted.append(.init(key: number(of: verifier, organization), until: until))
            }
        }
        let version = hash?["version"].flatMap { UInt64($0) } ?? 0
        let moment = Moment(from: now, author: author, version: version, accepted: accepted)
        histories[organization] = history(organization) + [moment]
    }

    /// The store is emptied.
    ///
    /// - Parameter span: For how long any worker may trust what it knew.
    mutating func empty(at now: Nanoseconds, trustedFor span: Nanoseconds) {
        emptied = (now, now + span)
    }

    /// A change is confirmed: of the keys that were before it, only those that it lets in go on.
    /// Returns whether there was a change, or nothing to be changed.
    mutating func confirm(
        _ organization: String,
        by author: Client,
        at now: Nanoseconds,
        _ step: Int
    )
        -> Bool
    {
        let history = history(organization)
        let change = history.lastIndex { $0.author == author }
        guard let index = change ?? history.lastIndex(where: { $0.isRevoked }) else { return false }
        let putBack = history[index...].filter { $0.author == .stranger && $0.version > 0 }
        // Where the list was lost, and nobody could see that, nothing is held to be promised.
        let isListKnown =
            history[index].from >= emptied.until
            || history[index].from < emptied.at && putBack.isEmpty
        guard isListKnown else { return true }
        // What somebody else has put back since is nobody's promise either.
        let before = Set(history[..<index].flatMap { $0.accepted.map(\.key) })
        for key in before.subtracting(putBack.flatMap { $0.accepted.map(\.key) }) {
            let acceptance = history[index].accepted.first { $0.key == key }
            if let acceptance, acceptance.until == nil { continue }
            keys[key].end = End(step: step, until: acceptance?.until)
        }
        for acceptance in history[index].accepted where keys[acceptance.key].confirmedAt == nil {
            keys[acceptance.key].confirmedAt = now
        }
        return true
    }

    /// Somebody has written a record: what was promised of its keys does not hold.
    mutating func withdrawPromises(of moment: Moment) {
        for acceptance in moment.accepted { keys[acceptance.key].end = nil }
    }
}

// MARK: - Asking

extension Ledger {
    /// Whether a record of a time says something of a key.
    private func isSaid(
        _ window: ClosedRange<Nanoseconds>,
        _ key: Int,
        _ predicate: (Acceptance?) -> Bool
    ) -> Bool {
        let history = history(keys[key].organization)
        for (index, moment) in history.enumerated().reversed() {
            let end = index + 1 < history.count ? history[index + 1].from : .max
            if end < window.lowerBound { break }
            guard moment.from <= window.upperBound else { continue }
            if predicate(moment.accepted.first { $0.key == key }) { return true }
        }
        return false
    }

    /// Whether a key was accepted at any moment of a time.
    func wasAccepted(_ key: Int, in window: ClosedRange<Nanoseconds>, at now: UnixTime) -> Bool {
        isSaid(window, key) { $0?.counts(at: now) ?? false }
    }

    /// Whether a key was not accepted at any moment of a time.
    func wasRefused(_ key: Int, in window: ClosedRange<Nanoseconds>, at now: UnixTime) -> Bool {
        isSaid(window, key) { !($0?.counts(at: now) ?? false) }
    }

    /// Whether a key had ended by itself at any moment of a time.
    func wasExpired(_ key: Int, in window: ClosedRange<Nanoseconds>, at now: UnixTime) -> Bool {
        isSaid(window, key) { $0.map { !$0.counts(at: now) } ?? false }
    }

    /// The latest version of a record that let a key in.
    func versionMax(of key: Int) -> UInt64 {
        history(keys[key].organization).filter { $0.accepted.contains { $0.key == key } }
            .map(\.version).max() ?? 0
    }

    /// The active key of an organization, where it counts.
    func activeKey(_ organization: String, at now: UnixTime) -> Int? {
        latest(organization).accepted.first.flatMap { $0.counts(at: now) ? $0.key : nil }
    }

    /// Keys of an organization that were in its record and whose text is known, in their order.
    func knownKeys(_ organization: String) -> [Int] {
        keys.indices.filter { keys[$0].organization == organization && keys[$0].text != nil }
    }

    func name(_ key: Int) -> String { "\(keys[key].organization)#\(key)" }
}

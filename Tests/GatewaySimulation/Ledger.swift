import Keyring

/// The history of each organization's record in the store: decisions are judged by it.
struct Ledger {
    /// A key that was issued here; its number is its index in ``keys``.
    struct Key {
        let organization: String
        let verifier: String
        /// `nil` if its owner never received it.
        var text: [UInt8]?
        /// When its generation was confirmed: no worker decides by an older record from then on.
        var confirmedAt: Nanoseconds?
        /// When its end was confirmed: every worker must refuse it from then on.
        var end: End?
    }

    /// A promise about checks that begin after a step.
    struct End {
        let step: Int
        /// The key stays valid until then, by the Unix time of the worker.
        let until: UnixTime?
    }

    /// A key that a record accepts.
    struct Acceptance {
        let key: Int
        let until: UnixTime?

        func isValid(at now: UnixTime) -> Bool { until.map { now < $0 } ?? true }
    }

    /// One version of a record, from its writing until it was overwritten.
    struct Revision {
        /// In the order of their writing, at all servers.
        let number: Int
        let from: Nanoseconds
        /// `nil` where it was copied from another server.
        let author: Client?
        /// 0 if there is no record.
        let version: UInt64
        /// The active key, then the previous one.
        let accepted: [Acceptance]
        /// Whether the record can be proven. A revocation that could only remove fields leaves none.
        let isSealed: Bool

        var isRevoked: Bool { version > 0 && accepted.isEmpty }
    }

    private(set) var keys: [Key] = []

    /// The last revision that each administrator knew when it read the record that it was about to change.
    private var known: [Client: Revision] = [:]

    private var numbers: [String: Int] = [:]

    /// The records of one server.
    struct Server {
        fileprivate var histories: [String: [Revision]] = [:]

        /// When its word counts: a primary's does, and a former one's for a while.
        var trusted: [ClosedRange<Nanoseconds>] = [0...(.max)]
    }

    var servers: [Server] = [Server()]

    /// The number of the server that is the primary; in a cluster, of the one that holds an organization's slot.
    var primary = 0
    var holders: [String: Int] = [:]

    /// In a cluster: when which server's word about an organization counts.
    private var words: [String: [(server: Int, span: ClosedRange<Nanoseconds>)]] = [:]

    /// The highest version of each record whose writing was confirmed.
    private var confirmedVersions: [String: UInt64] = [:]
    private var lastRevision = 0

    /// The revisions of an organization's record; the first one stands for no record.
    ///
    /// - Parameter server: Its number; that of the server which has the say if it is `nil`.
    func history(_ organization: String, at server: Int? = nil) -> [Revision] {
        servers[server ?? holders[organization] ?? primary].histories[organization] ?? [
            Revision(number: 0, from: 0, author: nil, version: 0, accepted: [], isSealed: true)
        ]
    }

    /// The revisions at all servers, in the order of their writing.
    private func allRevisions(_ organization: String) -> [Revision] {
        guard servers.count > 1 else { return history(organization) }
        return servers.indices.flatMap { history(organization, at: $0) }
            .sorted { $0.number < $1.number }
    }

    func latest(_ organization: String) -> Revision { history(organization).last! }

    /// Whether a client has written the record.
    func hasRevision(of organization: String, by client: Client) -> Bool {
        allRevisions(organization).contains { $0.author == client }
    }

    /// The highest version that an organization's record has had.
    func versionMax(_ organization: String) -> UInt64 {
        history(organization).map(\.version).max() ?? 0
    }

    /// Whether the record in the store is older than an earlier one, or cannot be proven.
    func isOutdated(_ organization: String) -> Bool {
        let latest = latest(organization)
        if servers.count > 1 { return !latest.isSealed }
        return latest.version < versionMax(organization) || !latest.isSealed
    }
}

// MARK: - Writing

extension Ledger {
    /// The number of the key with a verifier; adds the key if it is new.
    mutating func number(of verifier: String, _ organization: String) -> Int {
        if let number = numbers[verifier] { return number }
        keys.append(Key(organization: organization, verifier: verifier))
        numbers[verifier] = keys.count - 1
        return keys.count - 1
    }

    mutating func setText(_ text: [UInt8], of key: Int) { keys[key].text = text }

    /// Adds the record that is now in the store.
    mutating func note(
        _ hash: [String: String]?,
        of organization: String,
        at now: Nanoseconds,
        by author: Client?,
        on server: Int = 0
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
        lastRevision += 1
        let revision = Revision(
            number: lastRevision,
            from: now,
            author: author,
            version: version,
            accepted: accepted,
            isSealed: hash.map { $0["mac"] != nil } ?? true
        )
        servers[server].histories[organization] =
            history(organization, at: server) + [revision]
    }

    /// Notes that an administrator watches a record: it reads it next.
    mutating func noteWatch(by client: Client) { known[client] = nil }

    /// Notes that an administrator reads a record, the first time after it has begun to watch it.
    mutating func noteRead(_ organization: String, by client: Client, at server: Int = 0) {
        known[client] = known[client] ?? history(organization, at: server).last
    }

    /// Notes that a change is confirmed: of the keys before it, only those that it accepts stay valid. A
    /// client that found the record revoked made none; it confirms that revocation, and no later one.
    /// Returns false if the client made no change and the record was not revoked when it read it.
    mutating func confirm(
        _ organization: String,
        by author: Client,
        at now: Nanoseconds,
        _ step: Int
    )
        -> Bool
    {
        let history = allRevisions(organization)
        let change = history.lastIndex { $0.author == author }
        let read = known[author].map { known in history.prefix { $0.number <= known.number } }
        let revoked = (read ?? history[...]).lastIndex { $0.isRevoked }
        guard let index = change ?? revoked else { return false }
        let putBack = history[index...].filter { $0.author == .stranger && $0.version > 0 }
        // Nothing is promised about keys that a stranger has put back since.
        let before = Set(history[..<index].flatMap { $0.accepted.map(\.key) })
        // A revocation that finds its record revoked at another primary need not be there itself.
        let latest = latest(organization)
        let isRevocation = history[index].isRevoked && latest.isRevoked
        confirmedVersions[organization] = max(
            confirmedVersions[organization] ?? 0,
            isRevocation ? min(history[index].version, latest.version) : history[index].version
        )
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

    /// Withdraws the promises about the keys of a record that a stranger has written. An administrator may write one again
    /// that nobody has received yet: its command goes on, and found the record lost.
    mutating func withdrawPromises(of revision: Revision, by author: Client) {
        for key in revision.accepted.map(\.key) where author == .stranger || keys[key].text == nil {
            keys[key].end = nil
        }
    }
}

// MARK: - Queries

extension Ledger {
    /// From now on the word of some servers about an organization counts; that of others for a while.
    mutating func trust(
        _ servers: [Int],
        about organization: String,
        at now: Nanoseconds,
        _ span: Nanoseconds
    ) {
        var words = words[organization] ?? []
        let open = words.indices.filter { words[$0].span.upperBound == .max }
        for index in open where !servers.contains(words[index].server) {
            words[index].span = words[index].span.lowerBound...now + span
        }
        for server in Set(servers).subtracting(open.map { words[$0].server }).sorted() {
            words.append((server, now...(.max)))
        }
        self.words[organization] = words
    }

    /// When a server's word about an organization counts.
    private func trusted(_ server: Int, _ organization: String) -> [ClosedRange<Nanoseconds>] {
        guard let words = words[organization] else { return servers[server].trusted }
        return words.filter { $0.server == server }.map(\.span)
    }

    /// Whether any revision within a window satisfies a predicate about a key.
    private func anyRevision(
        _ window: ClosedRange<Nanoseconds>,
        _ key: Int,
        _ predicate: (Acceptance?) -> Bool
    ) -> Bool {
        servers.indices.contains { server in
            trusted(server, keys[key].organization).contains { trusted in
                guard trusted.overlaps(window) else { return false }
                return anyRevision(trusted.clamped(to: window), key, predicate, at: server)
            }
        }
    }

    private func anyRevision(
        _ window: ClosedRange<Nanoseconds>,
        _ key: Int,
        _ predicate: (Acceptance?) -> Bool,
        at server: Int
    ) -> Bool {
        let history = history(keys[key].organization, at: server)
        for (index, revision) in history.enumerated().reversed() {
            let end = index + 1 < history.count ? history[index + 1].from : .max
            if end < window.lowerBound { break }
            guard revision.from <= window.upperBound else { continue }
            if predicate(revision.accepted.first { $0.key == key }) { return true }
        }
        return false
    }

    /// A confirmed change that the record at the primary lacks; `nil` if it has all.
    func lostChange(of organization: String) -> String? {
        let latest = latest(organization)
        if latest.version < confirmedVersions[organization] ?? 0 {
            return "\(organization) is at version \(latest.version) after a confirmed change to "
                + "\(confirmedVersions[organization] ?? 0)"
        }
        for acceptance in latest.accepted {
            guard let end = keys[acceptance.key].end else { continue }
            if let until = acceptance.until, let promised = end.until, until <= promised {
                continue
            }
            return "\(name(acceptance.key)) is accepted again, and its end was confirmed"
        }
        return nil
    }

    /// Whether a key was valid at any moment of a window.
    func wasAccepted(_ key: Int, in window: ClosedRange<Nanoseconds>, at now: UnixTime) -> Bool {
        anyRevision(window, key) { $0?.isValid(at: now) ?? false }
    }

    /// Whether a key was not valid at any moment of a window.
    func wasRefused(_ key: Int, in window: ClosedRange<Nanoseconds>, at now: UnixTime) -> Bool {
        anyRevision(window, key) { !($0?.isValid(at: now) ?? false) }
    }

    /// Whether a key had expired at any moment of a window.
    func wasExpired(_ key: Int, in window: ClosedRange<Nanoseconds>, at now: UnixTime) -> Bool {
        anyRevision(window, key) { $0.map { !$0.isValid(at: now) } ?? false }
    }

    /// The latest version of a record that accepts a key.
    func versionMax(of key: Int) -> UInt64 {
        allRevisions(keys[key].organization).filter { $0.accepted.contains { $0.key == key } }
            .map(\.version).max() ?? 0
    }

    /// The active key of an organization, if it is valid.
    func activeKey(_ organization: String, at now: UnixTime) -> Int? {
        latest(organization).accepted.first.flatMap { $0.isValid(at: now) ? $0.key : nil }
    }

    /// The keys of an organization whose text its owner received, in the order of their numbers.
    func deliveredKeys(_ organization: String) -> [Int] {
        keys.indices.filter { keys[$0].organization == organization && keys[$0].text != nil }
    }

    func name(_ key: Int) -> String { "\(keys[key].organization)#\(key)" }
}

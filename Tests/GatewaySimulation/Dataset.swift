/// Unix time in milliseconds, as the server's clock shows it.
typealias ServerTime = Int64

/// The data of Redis, as far as Latchkey uses them.
struct Dataset {
    private(set) var hashes: [String: [String: String]] = [:]
    private(set) var scores: [String: [String: Int64]] = [:]
    private(set) var lists: [String: [String]] = [:]
    private(set) var strings: [String: String] = [:]
    private var ends: [String: ServerTime] = [:]

    /// Keys that were written since the last drain, in order.
    private(set) var touched: [String] = []

    /// What stands at a key.
    struct Value {
        var hash: [String: String]?
        var scores: [String: Int64]?
        var list: [String]?
        var string: String?
        var end: ServerTime?
    }

    mutating func drainTouched() -> [String] {
        defer { touched.removeAll(keepingCapacity: true) }
        return touched
    }

    private mutating func touch(_ key: String) {
        if !touched.contains(key) { touched.append(key) }
    }

    /// In their order.
    var allKeys: [String] {
        Set(hashes.keys).union(scores.keys).union(lists.keys).union(strings.keys).sorted()
    }

    /// FLUSHALL.
    mutating func removeAll() { self = Dataset() }

    func value(of key: String) -> Value {
        Value(
            hash: hashes[key],
            scores: scores[key],
            list: lists[key],
            string: strings[key],
            end: ends[key]
        )
    }

    /// Puts what stands at a key of another server in its place here.
    mutating func put(_ key: String, _ value: Value) {
        hashes[key] = value.hash
        scores[key] = value.scores
        lists[key] = value.list
        strings[key] = value.string
        ends[key] = value.end
        touch(key)
    }

    /// Returns whether the key existed.
    mutating func remove(_ key: String) -> Bool {
        ends[key] = nil
        var existed = hashes.removeValue(forKey: key) != nil
        if lists.removeValue(forKey: key) != nil { existed = true }
        if strings.removeValue(forKey: key) != nil { existed = true }
        if scores.removeValue(forKey: key) != nil { existed = true }
        if existed { touch(key) }
        return existed
    }
}

// MARK: - Expiry

extension Dataset {
    func exists(_ key: String) -> Bool {
        hashes[key] != nil || lists[key] != nil || strings[key] != nil || scores[key] != nil
    }

    /// EXPIRE: returns whether the key exists.
    mutating func setEnd(_ key: String, at end: ServerTime) -> Bool {
        guard exists(key) else { return false }
        ends[key] = end
        touch(key)
        return true
    }

    /// Removes the keys whose time is over.
    mutating func expire(at now: ServerTime) {
        guard ends.contains(where: { $0.value <= now }) else { return }
        for (key, end) in ends.sorted(by: { $0.key < $1.key }) where end <= now { _ = remove(key) }
    }
}

// MARK: - Hashes

extension Dataset {
    /// Returns the number of fields that were added.
    mutating func set(_ key: String, _ pairs: ArraySlice<String>) -> Int {
        var added = 0
        var index = pairs.startIndex
        while index + 1 < pairs.endIndex {
            let before = hashes[key, default: [:]].updateValue(
                pairs[index + 1],
                forKey: pairs[index]
            )
            if before == nil { added += 1 }
            index += 2
        }
        touch(key)
        return added
    }

    /// Returns the number of fields that were removed.
    mutating func remove(_ key: String, _ fields: ArraySlice<String>) -> Int {
        let removed = fields.count { hashes[key]?.removeValue(forKey: $0) != nil }
        if hashes[key]?.isEmpty == true { hashes[key] = nil }
        if removed > 0 { touch(key) }
        return removed
    }

    /// Puts an earlier hash back, or removes the hash.
    mutating func replace(_ key: String, with hash: [String: String]?) {
        hashes[key] = hash
        touch(key)
    }

    mutating func raise(_ key: String, _ field: String, by step: Int) -> Int {
        let number = (hashes[key]?[field].flatMap { Int($0) } ?? 0) + step
        hashes[key, default: [:]][field] = String(number)
        touch(key)
        return number
    }
}

// MARK: - Strings

extension Dataset {
    mutating func setString(_ key: String, _ value: String) {
        _ = remove(key)
        strings[key] = value
        touch(key)
    }

    /// INCR.
    mutating func raiseString(_ key: String) -> Int {
        let number = (strings[key].flatMap { Int($0) } ?? 0) + 1
        strings[key] = String(number)
        touch(key)
        return number
    }
}

// MARK: - Sorted sets

extension Dataset {
    /// ZADD GT: scores only rise. Returns the number of members that were added.
    mutating func raiseScores(_ key: String, _ pairs: ArraySlice<String>) -> Int {
        var added = 0
        var index = pairs.startIndex
        while index + 1 < pairs.endIndex {
            let (score, member) = (Int64(pairs[index]) ?? 0, pairs[index + 1])
            if let before = scores[key]?[member] {
                scores[key]?[member] = max(before, score)
            } else {
                scores[key, default: [:]][member] = score
                added += 1
            }
            index += 2
        }
        touch(key)
        return added
    }

    mutating func addScore(_ key: String, _ member: String, _ step: Int64) -> Int64 {
        scores[key, default: [:]][member, default: 0] += step
        touch(key)
        return scores[key]?[member] ?? 0
    }
}

// MARK: - Lists

extension Dataset {
    /// Returns the list's length.
    mutating func push(_ key: String, _ elements: ArraySlice<String>) -> Int {
        lists[key, default: []] += elements
        touch(key)
        return lists[key]?.count ?? 0
    }

    mutating func pop(_ key: String, _ countMax: Int) -> [String]? {
        guard let list = lists[key] else { return nil }
        let rest = Array(list.dropFirst(countMax))
        lists[key] = rest.isEmpty ? nil : rest
        touch(key)
        return Array(list.prefix(countMax))
    }

    /// LTRIM that keeps the last elements.
    mutating func trim(_ key: String, toLast count: Int) {
        lists[key] = lists[key].map { Array($0.suffix(count)) }
        touch(key)
    }
}

/// The data of Redis, as far as Latchkey uses them.
struct Dataset {
    private(set) var hashes: [String: [String: String]] = [:]
    private(set) var scores: [String: [String: Int64]] = [:]
    private(set) var lists: [String: [String]] = [:]
    private var ends: [String: Nanoseconds] = [:]

    /// Keys that were written since the last drain, in order.
    private(set) var touched: [String] = []

    mutating func drainTouched() -> [String] {
        defer { touched.removeAll(keepingCapacity: true) }
        return touched
    }

    private mutating func touch(_ key: String) {
        if !touched.contains(key) { touched.append(key) }
    }

    /// FLUSHALL.
    mutating func removeAll() {
        hashes = [:]
        scores = [:]
        lists = [:]
        ends = [:]
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

    /// Returns whether the key existed.
    mutating func remove(_ key: String) -> Bool {
        guard hashes.removeValue(forKey: key) != nil else { return false }
        touch(key)
        return true
    }

    mutating func raise(_ key: String, _ field: String, by step: Int) -> Int {
        let number = (hashes[key]?[field].flatMap { Int($0) } ?? 0) + step
        hashes[key, default: [:]][field] = String(number)
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
        return added
    }

    mutating func addScore(_ key: String, _ member: String, _ step: Int64) -> Int64 {
        scores[key, default: [:]][member, default: 0] += step
        return scores[key]?[member] ?? 0
    }
}

// MARK: - Lists

extension Dataset {
    /// Returns the list's length.
    mutating func push(_ key: String, _ elements: ArraySlice<String>, at now: Nanoseconds) -> Int {
        expire(key, now)
        lists[key, default: []] += elements
        return lists[key]?.count ?? 0
    }

    mutating func pop(_ key: String, _ countMax: Int, at now: Nanoseconds) -> [String]? {
        expire(key, now)
        guard let list = lists[key] else { return nil }
        let rest = Array(list.dropFirst(countMax))
        lists[key] = rest.isEmpty ? nil : rest
        return Array(list.prefix(countMax))
    }

    /// LTRIM that keeps the last `-start` elements.
    mutating func trim(_ key: String, from start: Int) {
        lists[key] = lists[key].map { Array($0.suffix(-start)) }
    }

    /// EXPIRE: returns whether the list exists.
    mutating func setEnd(_ key: String, at end: Nanoseconds) -> Bool {
        guard lists[key] != nil else { return false }
        ends[key] = end
        return true
    }

    private mutating func expire(_ key: String, _ now: Nanoseconds) {
        guard let end = ends[key], end <= now else { return }
        ends[key] = nil
        lists[key] = nil
    }
}

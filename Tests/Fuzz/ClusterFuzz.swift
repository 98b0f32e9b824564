import RedisClient
import TestSupport

/// What servers of a cluster say: a map is parsed as it was written or refused, a redirection leads to the slot
/// and address in its text, and each key has one slot.
struct ClusterFuzz: FuzzTarget {
    private var maps = 0
    private var tables = 0
    private var refused = 0
    private var redirections = 0
    private var others = 0
    private let asked = Endpoint.tcp(host: "10.9.9.9", port: 7999)
    private let mutations = Mutations(words: [
        "MOVED", "ASK", " ", ":", "::1", "127.0.0.1", "redis-1", "0", "16383", "16384", "65535",
        "65536",
        "-1", "99999999999999999999", "'", "\r\n", "\0", "{", "}", "{}", "\n", "@", "-", "[7->-b]",
        "master", "slave", "myself,", "fail?", "noaddr", "connected",
    ])

    var outcomes: [Int] { [maps, tables, refused, redirections, others] }

    var tally: String {
        "\(maps) maps, \(tables) tables, \(refused) refused; \(redirections) redirections, \(others) other errors"
    }

    mutating func run(_ random: inout SplitMix64) throws {
        switch random.below(5) {
        case 0: try checkMap(&random)
        case 1: try checkKey(&random)
        case 2: try checkTable(&random)
        default: try checkRedirection(&random)
        }
    }

    // MARK: Maps

    /// A map as it is to be understood: the primary's port by slot; 0 for nobody.
    private typealias Owners = [Int]

    private mutating func checkMap(_ random: inout SplitMix64) throws {
        var owners = Owners(repeating: 0, count: Slot.count)
        var ranges = ranges(&random, &owners)
        let isDamaged = random.once(in: 2)
        if isDamaged { damage(&ranges, &random) }
        let input = Array("\(ranges)".utf8.prefix(2000))
        switch Result(catching: { () throws(SlotMap.Fault) in
            try SlotMap(.array(ranges), from: asked)
        }) {
        case .success(let map):
            maps += 1
            try require(holds(map), "a map contradicts itself", input)
            guard !isDamaged else { return }
            let understood = (0..<Slot.count).map { port(of: $0, in: map) }
            try require(understood == owners, "a map is not parsed as it was written", input)
        case .failure(let fault):
            refused += 1
            try require(isDamaged, "a map is refused: \(fault)", input)
        }
    }

    private func port(of number: Int, in map: SlotMap) -> Int {
        guard let slot = Slot(number), case .tcp(_, let port)? = map.primary(of: slot)?.address
        else { return 0 }
        return Int(port)
    }

    /// What holds of every map.
    private func holds(_ map: SlotMap) -> Bool {
        map.primaries.count <= SlotMap.primariesMax
            && map.primaries.indices.allSatisfy { index in
                let probe = map.probe(ofPrimary: index)
                return map.primaries[index].address.isIPAddress
                    && probe.flatMap { map.index(of: $0) } == index
            }
    }

    private func ranges(_ random: inout SplitMix64, _ owners: inout Owners) -> [RedisReply] {
        var ranges: [RedisReply] = []
        var first = random.below(3)
        let lengthMax = random.element([3, 100, 8000, 16_384])
        while first < Slot.count, ranges.count < 40 {
            let last = min(Slot.count - 1, first + random.below(lengthMax))
            let port = 1 + random.below(5)
            for number in first...last { owners[number] = port }
            ranges.insert(range(first, last, port, &random), at: random.below(ranges.count + 1))
            first = last + 1 + random.element([0, 0, 0, random.below(50)])
        }
        return ranges
    }

    private func range(_ first: Int, _ last: Int, _ port: Int, _ random: inout SplitMix64)
        -> RedisReply
    {
        let replicas = (0..<random.below(3)).map { server(100 + $0) }
        return .array([.integer(Int64(first)), .integer(Int64(last)), server(port)] + replicas)
    }

    private func server(_ port: Int) -> RedisReply {
        .array([text("10.0.0.\(port)"), .integer(Int64(port)), text("node\(port)"), .array([])])
    }

    private func text(_ text: String) -> RedisReply { .bulk(ArraySlice(text.utf8)) }

    private func damage(_ ranges: inout [RedisReply], _ random: inout SplitMix64) {
        guard !ranges.isEmpty else { return }
        let index = random.below(ranges.count)
        ranges[index] = damaged(ranges[index], &random)
    }

    private func damaged(_ reply: RedisReply, _ random: inout SplitMix64) -> RedisReply {
        if case .array(var elements) = reply, !elements.isEmpty, !random.once(in: 6) {
            let index = random.below(elements.count)
            if random.once(in: 6) {
                elements.remove(at: index)
            } else {
                elements[index] = damaged(elements[index], &random)
            }
            return .array(elements)
        }
        return random.element([
            .null, .integer(-1), .integer(.max), .integer(.min), .integer(16_384), .integer(0),
            text(""), text("redis-1"), text("::1"), .array([]), .array([.null, .null, .null]),
        ])
    }

    // MARK: Tables

    private mutating func checkTable(_ random: inout SplitMix64) throws {
        let end = random.below(16_383)
        let lines = [
            "a 10.0.0.1:6379@16379,host myself,master - 0 0 7 connected 0-\(end) [5->-b]",
            "b ::1:6380@16380 master,fail? - 1 2 3 disconnected \(end + 1)-16383",
            "c :6381@16381 slave a 0 0 7 connected",
        ]
        var text = Array(lines.joined(separator: "\n").utf8)
        let mutationCount = random.below(4)
        for _ in 0..<mutationCount { mutations.apply(to: &text, &random) }
        guard let table = try? ClusterTable(.bulk(text[...]), from: asked) else {
            refused += 1
            return try require(mutationCount > 0, "a table is not understood", text)
        }
        tables += 1
        let isSound = (0..<Slot.count).lazy.compactMap { Slot($0) }.allSatisfy { slot in
            table.primary(of: slot).map { $0.isPrimary && $0.slots.contains(slot) } ?? true
        }
        try require(
            isSound && table.servers.allSatisfy(\.node.address.isIPAddress),
            "a table contradicts itself",
            text
        )
        guard mutationCount == 0 else { return }
        let isWhole =
            table.isComplete && table.primaries.map(\.slots.count) == [end + 1, 16_383 - end]
        try require(isWhole, "a table is not parsed as it was written", text)
    }

    // MARK: Redirections

    private mutating func checkRedirection(_ random: inout SplitMix64) throws {
        let (slot, port) = (random.below(Slot.count), 1 + random.below(65_535))
        let kind = random.element(["MOVED", "ASK"])
        let host = random.element(["127.0.0.1", "::1", "", "10.0.0.1"])
        var error = Array("\(kind) \(slot) \(host):\(port)".utf8)
        let mutationCount = random.below(4)
        for _ in 0..<mutationCount { mutations.apply(to: &error, &random) }
        guard let redirection = Redirection(.error(error[...]), from: asked) else {
            others += 1
            return try require(mutationCount > 0, "a redirection is not understood", error)
        }
        redirections += 1
        let named =
            switch redirection {
            case .moved(let slot, _), .ask(let slot, _): slot
            }
        let text = String(decoding: error, as: UTF8.self)
        try require(
            text.contains(named.description) && redirection.target.isIPAddress,
            "a redirection is not what its text says",
            error
        )
        guard mutationCount == 0 else { return }
        let target = Endpoint.tcp(host: host.isEmpty ? "10.9.9.9" : host, port: UInt16(port))
        let expected =
            Slot(slot).map {
                kind == "ASK" ? Redirection.ask($0, to: target) : .moved($0, to: target)
            }
        try require(redirection == expected, "a redirection leads elsewhere", error)
    }

    // MARK: Keys

    private func checkKey(_ random: inout SplitMix64) throws {
        var key = Array("latchkey:record:{0123456789ABCD}".utf8)
        for _ in 0..<random.below(5) { mutations.apply(to: &key, &random) }
        try require(
            Slot(ofKey: key).number == remainder(hashed(key)) % Slot.count,
            "a key has another slot",
            key
        )
    }

    private func hashed(_ key: [UInt8]) -> ArraySlice<UInt8> {
        let parts = key.split(separator: 0x7B, maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let end = parts[1].firstIndex(of: 0x7D), end > parts[1].startIndex
        else { return key[...] }
        return parts[1][..<end]
    }

    /// The remainder of the message as a polynomial, bit by bit.
    private func remainder(_ message: ArraySlice<UInt8>) -> Int {
        var remainder = 0
        for byte in message + [0, 0] {
            for bit in (0..<8).reversed() {
                remainder = remainder << 1 | Int(byte >> UInt8(bit)) & 1
                if remainder & 0x10000 != 0 { remainder ^= 0x11021 }
            }
        }
        return remainder
    }

    private func require(_ holds: Bool, _ text: String, _ input: [UInt8]) throws {
        if !holds { throw Violation(text, input) }
    }
}

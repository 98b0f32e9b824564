import RedisClient
import TestSupport

/// Servers of a cluster that change their minds about who holds which slots, each for itself.
struct FuzzedCluster {
    /// More than the numbers of all links.
    static let linkCount = 128

    static let url = "cluster://10.0.0.1,10.0.0.2"

    private static let serverCount = 5

    /// The servers that share the slots, in the view of each server.
    private var views = Array(repeating: [1, 2, 3], count: serverCount + 1)
    private var mood = 0
    private var maps = 0
    private var redirections = 0

    var outcomes: [Int] { [maps, redirections] }

    /// A server changes its mind, or all do.
    mutating func change(_ random: inout SplitMix64) {
        let count = random.once(in: 8) ? random.below(6) : 3
        let view = (0..<count).map { _ in 1 + random.below(Self.serverCount) }
        if random.once(in: 2) {
            views = views.map { _ in view }
        } else {
            views[random.below(views.count)] = view
        }
        mood = random.once(in: 3) ? random.below(6) : 0
    }

    /// What a server answers of its own; `nil` where it answers like any store.
    mutating func reply(of server: Endpoint?, to command: [String]) -> [UInt8]? {
        guard case .tcp(let host, _)? = server else { return nil }
        let number = Int(host.split(separator: ".").last ?? "") ?? 0
        let view = views[min(number, views.count - 1)]
        switch command[0] {
        case "CLUSTER":
            maps += 1
            return map(view)
        case "HMGET", "HGET", "ZADD", "RPUSH", "HSET":
            return refusal(Slot(ofKey: Array(command[1].utf8)), number, view)
        default: return nil
        }
    }

    private mutating func refusal(_ slot: Slot, _ number: Int, _ view: [Int]) -> [UInt8]? {
        guard !view.isEmpty else { return Array("-CLUSTERDOWN x\r\n".utf8) }
        let owner = view[slot.number * view.count / Slot.count]
        if owner == number, mood == 0 { return nil }
        redirections += 1
        let text =
            switch mood {
            case 1: "ASK \(slot) 10.0.0.\(owner):6379"
            case 2: "MOVED 99999 10.0.0.\(owner):6379"
            case 3: "CLUSTERDOWN Hash slot not served"
            case 4: "MOVED \(slot) redis-1:6379"
            default: "MOVED \(slot) 10.0.0.\(owner):6379"
            }
        return Array("-\(text)\r\n".utf8)
    }

    private func map(_ view: [Int]) -> [UInt8] {
        var text = "*\(view.count)\r\n"
        for (index, server) in view.enumerated() {
            let first = index * Slot.count / view.count
            let last = (index + 1) * Slot.count / view.count - 1
            text += "*3\r\n:\(first)\r\n:\(last)\r\n"
            text += "*4\r\n$8\r\n10.0.0.\(server)\r\n:6379\r\n$2\r\nn\(server)\r\n*0\r\n"
        }
        return Array(text.utf8)
    }
}

import RedisClient

/// The replicas that a primary has, and which of them the sentinels know.
///
/// WAIT counts whoever acknowledges. A replica that the sentinels do not know yet, or a backup's, must not stand in
/// for one that they may promote.
struct ConnectedReplicas {
    /// The most lines that are read: `INFO` has one for each replica.
    private static let linesMax: UInt64 = 1000

    /// Number of those that acknowledge.
    let count: Int

    /// Number of those that the sentinels know, or may know without listing them.
    private let known: Int

    /// Those that the sentinels list and that do not acknowledge, in order; none where the server reports no addresses.
    let unlinked: [String]

    /// - Parameter information: The reply to `INFO replication`.
    init(_ information: StoreInformation?, _ named: NamedPrimary) {
        let number = min(information?.number("connected_slaves") ?? 0, Self.linesMax)
        let lines = (0..<number).compactMap { information?["slave\($0)"] }
        guard !lines.isEmpty else {
            // A server that does not report addresses.
            count = Int(number)
            known = min(count, named.replicaCount)
            unlinked = count == 0 ? named.replicas.map(\.description).sorted() : []
            return
        }
        let places = lines.compactMap(Self.online)
        let missing = named.replicas.subtracting(places.compactMap(\.self))
        let listed = named.replicas.count - missing.count
        unlinked = missing.map(\.description).sorted()
        let hidden = max(0, named.replicaCount - named.replicas.count)
        count = places.count
        known = listed + min(hidden, places.count - listed)
    }

    /// Where a replica listens that acknowledges, as far as that is an address; `nil` for any other. A client that
    /// only copies the data has no port.
    private static func online(_ line: String) -> Endpoint?? {
        var values: [Substring: Substring] = [:]
        for pair in line.split(separator: ",") {
            let parts = pair.split(separator: "=", maxSplits: 1)
            if parts.count == 2 { values[parts[0]] = parts[1] }
        }
        guard values["state"] == "online", let port = values["port"], port != "0" else {
            return nil
        }
        let address = Array((values["ip"] ?? "").utf8)[...]
        return .some(Endpoint(address: address, port: Array(port.utf8)[...]))
    }

    /// How many have to acknowledge so that as many of those that the sentinels know must be among them; at most
    /// all.
    func threshold(for replicas: Int) -> Int { min(count, replicas + count - known) }

    /// How many of those that the sentinels know have acknowledged at least.
    ///
    /// - Parameter acknowledged: What the server says; any number.
    func known(of acknowledged: Int64) -> Int {
        max(0, min(count, Int(clamping: max(0, acknowledged))) - (count - known))
    }
}

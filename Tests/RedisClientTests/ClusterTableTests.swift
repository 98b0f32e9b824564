import RedisClient
import Testing

/// What a server says of all servers of its cluster.
struct ClusterTableTests {
    private static let lines = [
        "aa 10.0.0.1:6379@16379,host-1 myself,master - 0 0 7 connected 0-5460 [93->-bb] [95-<-cc]",
        "bb 10.0.0.2:6379@16379 master - 0 1 2 connected 5461-10922 16383",
        "cc 10.0.0.3:6379@16379 master,fail? - 1 1 3 connected 10923-16382",
        "dd 10.0.0.4:6379@16379 slave aa 0 1 7 connected",
        "ee 10.0.0.5:6379@16379 slave,fail bb 1 1 2 disconnected",
        "ff :0@0 master,noaddr - 1 1 1 disconnected",
        "gg ::1:6380@16380 handshake - 0 0 0 connected",
    ]

    private static let asked = Endpoint.tcp(host: "10.0.0.1", port: 6379)

    private func table(_ lines: [String] = lines, from server: Endpoint = asked) throws
        -> ClusterTable
    {
        let text = lines.joined(separator: "\n") + "\n"
        return try ClusterTable(.bulk(Array(text.utf8)[...]), from: server)
    }

    private func slot(_ number: Int) -> Slot { Slot(number)! }

    @Test func `it tells the primaries, their slots and epochs`() throws {
        let table = try table()
        #expect(table.primaries.map(\.node.id) == ["aa", "bb", "cc"])
        #expect(table.primaries.map(\.slots.count) == [5461, 5463, 5460])
        #expect(table.primaries.map(\.configEpoch) == [7, 2, 3])
        #expect(table.primary(of: slot(5460))?.node.id == "aa")
        #expect(table.primary(of: slot(16_383))?.node.id == "bb")
        #expect(table.isComplete)
        #expect(table.epoch == 7)
    }

    @Test func `it tells the replicas of a primary, those that failed, too`() throws {
        let table = try table()
        #expect(
            table.replicas(of: table.servers[0]).map(\.node.address.description) == [
                "10.0.0.4:6379"
            ]
        )
        #expect(table.replicas(of: table.servers[1]).map(\.isDown) == [true])
        #expect(table.servers.map(\.isDown) == [false, false, true, false, true])
    }

    @Test func `it tells the slots that the asked server is moving`() throws {
        #expect(Array(try table().servers[0].openSlots) == [slot(93), slot(95)])
        #expect(try table().servers[1].openSlots.isEmpty)
    }

    @Test func `servers without an address or outside of the cluster are left out`() throws {
        #expect(try table().servers.map(\.node.id) == ["aa", "bb", "cc", "dd", "ee"])
    }

    @Test func `an omitted address is that of the asked server`() throws {
        let line = "aa :6379@16379 myself,master - 0 0 1 connected 0-16383"
        #expect(try table([line]).servers[0].node.address.description == "10.0.0.1:6379")
        let local = Endpoint.tcp(host: "::1", port: 7000)
        #expect(try table([line], from: local).servers[0].node.address.description == "[::1]:6379")
    }

    @Test func `an IPv6 address has colons`() throws {
        let line = "aa fe80::1:6379@16379 myself,master - 0 0 1 connected 0-16383"
        #expect(try table([line]).servers[0].node.address.description == "[fe80::1]:6379")
    }

    @Test func `a host name is no address`() {
        let line = "aa redis-1:6379@16379 myself,master - 0 0 1 connected 0-16383"
        #expect(throws: ClusterTable.Fault.malformed) { try table([line]) }
    }

    @Test(arguments: [
        "aa", "aa 10.0.0.1:6379@16379 master - 0 0",
        "aa 10.0.0.1:6379@1 master - 0 0 x connected 0",
        "aa 10.0.0.1:6379@1 master - 0 0 1 connected 5-3",
        "aa 10.0.0.1:6379@1 master - 0 0 1 connected 16384",
        "aa 10.0.0.1:6379@1 master - 0 0 1 connected 1-2-3",
        "aa 10.0.0.1:6379@1 master - 0 0 1 connected [x]",
        "aa 10.0.0.1:6379@1 master - 0 0 1 connected -", "",
    ])
    func `anything else is refused`(line: String) {
        #expect(throws: ClusterTable.Fault.malformed) { try table([line]) }
    }

    @Test func `slots that nobody holds are noticed`() throws {
        let line = "aa 10.0.0.1:6379@16379 myself,master - 0 0 1 connected 0-16382"
        let table = try table([line])
        #expect(!table.isComplete)
        #expect(table.primary(of: slot(16_383)) == nil)
    }

    @Test func `other replies are no table`() {
        #expect(throws: ClusterTable.Fault.malformed) {
            try ClusterTable(.integer(1), from: Self.asked)
        }
        let error = RedisReply.error(Array("NOPERM no".utf8)[...])
        #expect(throws: ClusterTable.Fault.refused(RedisError("NOPERM no"))) {
            try ClusterTable(error, from: Self.asked)
        }
    }
}

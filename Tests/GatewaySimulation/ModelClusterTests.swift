import Testing

/// The measured behaviour of a cluster that the promises rest on.
struct ModelClusterTests {
    private let timeline = Timeline(seed: 1, story: Story())
    private let cluster: ModelCluster
    private let network: Network
    private let servers: [ModelRedis]

    /// In slots 3300, 7365 and 15495: one of each primary.
    private let keys = ["latchkey:record:{b}", "latchkey:record:{c}", "latchkey:record:{a}"]

    init() {
        self.init(tellsOfLostKeys: true)
    }

    private init(tellsOfLostKeys: Bool) {
        cluster = ModelCluster(
            timeline,
            hasThreads: false,
            span: .milliseconds(100),
            tellsOfLostKeys: tellsOfLostKeys
        )
        servers = cluster.servers
        let latency = Latency(delayMax: .microseconds(20), stallMax: 0, stallPercent: 0)
        network = Network(timeline, cluster.listeners, latency, isLocal: true)
        cluster.network = network
        pass(.milliseconds(20))
    }

    private func pass(_ span: Nanoseconds) { timeline.run(until: timeline.now + span) }

    private func connection(to number: Int) -> Wire {
        network.connect(.stranger, to: servers[number].endpoint)
    }

    private func holder(of key: String) -> Int { cluster.holders[ModelSlots.slot(of: key)] }

    /// Sends commands, all at once, and returns the replies of the next while.
    private func execute(
        _ commands: String...,
        on wire: Wire,
        for span: Nanoseconds = .milliseconds(5)
    ) -> String {
        wire.send(commands)
        pass(span)
        return wire.received()
    }

    /// A connection that gets its own invalidations.
    private func listener(at number: Int) -> Wire {
        let wire = connection(to: number)
        let id = execute("CLIENT ID", on: wire).dropFirst()
        _ = execute(
            "CLIENT TRACKING ON REDIRECT \(id) BCAST PREFIX latchkey:record:",
            "SUBSCRIBE __redis__:invalidate",
            on: wire
        )
        return wire
    }

    @Test func `slots are those that Redis documents`() {
        #expect(ModelSlots.slot(of: "123456789") == 0x31C3)
        #expect(ModelSlots.slot(of: "{user1000}.following") == ModelSlots.slot(of: "user1000"))
        #expect(ModelSlots.slot(of: "foo{}{bar}") != ModelSlots.slot(of: "bar"))
        #expect(ModelSlots.slot(of: "foo{{bar}}zap") == ModelSlots.slot(of: "{bar"))
        #expect(Set(keys.map(holder)) == [0, 1, 2])
    }

    @Test func `a server that does not hold the slot of a key says who does`() {
        for key in keys {
            let other = (holder(of: key) + 1) % 3
            let moved = execute("HMGET \(key) f", on: connection(to: other))
            let place = servers[holder(of: key)].endpoint
            #expect(moved == "-MOVED \(ModelSlots.slot(of: key)) \(place)")
            let replica = execute("HMGET \(key) f", on: connection(to: holder(of: key) + 3))
            #expect(replica == moved)
        }
    }

    @Test func `a transaction with a key of another server is not carried out`() {
        let key = keys[0]
        let other = connection(to: (holder(of: key) + 1) % 3)
        let replies = execute("MULTI", "HSET \(key) f 1", "EXEC", on: other)
        #expect(replies.contains("-MOVED") && replies.contains("-EXECABORT"))
        let right = connection(to: holder(of: key))
        #expect(execute("MULTI", "HSET \(key) f 1", "EXEC", on: right).hasSuffix("*1 :1"))
        #expect(
            execute("HSET \(keys[0]) f 1", "DEL \(keys[0]) \(keys[1])", on: right).contains(
                "-CROSSSLOT"
            )
        )
    }

    @Test func `every server has the same map, and knows its replicas`() {
        let maps = (0..<6).map { execute("CLUSTER SLOTS", on: connection(to: $0)) }
        #expect(Set(maps).count == 1)
        #expect(maps[0].hasPrefix("*3 *4 :0 :5461 *4 $8 10.0.0.1 :6379 $40 0000"))
        let nodes = execute("CLUSTER NODES", on: connection(to: 1))
        #expect(nodes.contains(" 10.0.0.2:6379@16379 myself,master - 0 0 2 connected 5462-10922"))
        #expect(nodes.contains(" 10.0.0.5:6379@16379 slave \(ModelSeat.id(of: 1)) 0 0 2 connected"))
    }

    @Test func `while a slot moves, a key that is not there any more is asked for at the target`() {
        let key = keys[0]
        let (source, slot) = (holder(of: key), ModelSlots.slot(of: key))
        _ = execute("HSET \(key) f 1", on: connection(to: source))
        let news = (0..<3).map(listener)
        cluster.move(key, .orderly)
        timeline.run(until: timeline.now + .milliseconds(200)) {
            !servers[source].data.exists(key)
        }
        let target = (0..<3).first { cluster.seats[$0].importing[slot] != nil }!
        let place = servers[target].endpoint
        let wire = connection(to: source)
        #expect(execute("HMGET \(key) f", on: wire, for: 200_000) == "-ASK \(slot) \(place)")
        let replies = execute("MULTI", "HSET \(key) f 2", "EXEC", on: wire, for: 200_000)
        #expect(replies.contains("-ASK") && replies.contains("-EXECABORT"))
        let asking = connection(to: target)
        #expect(execute("HMGET \(key) f", on: asking, for: 200_000).hasPrefix("-MOVED"))
        #expect(execute("ASKING", "HMGET \(key) f", on: asking, for: 200_000) == "+OK *1 $1 1")
        #expect(execute("HMGET \(key) f", on: asking, for: 200_000).hasPrefix("-MOVED"))
        pass(.milliseconds(300))
        #expect(holder(of: key) == target)
        #expect(execute("HMGET \(key) f", on: wire) == "-MOVED \(slot) \(place)")
        #expect(cluster.isSettled)
        for number in [source, target] { #expect(execute(on: news[number]).contains(key)) }
    }

    @Test(arguments: [true, false])
    func `a server whose slot is taken deletes its keys, and tells of it since Redis 7_2`(
        tells: Bool
    ) {
        let test = ModelClusterTests(tellsOfLostKeys: tells)
        let key = keys[0]
        let source = test.holder(of: key)
        _ = test.execute("HSET \(key) f 1", on: test.connection(to: source))
        let wire = test.listener(at: source)
        test.cluster.move(key, .forced)
        test.pass(.milliseconds(300))
        #expect(test.holder(of: key) != source)
        #expect(!test.servers[source].data.exists(key))
        #expect(!test.servers[source + 3].data.exists(key))
        #expect(test.servers[test.holder(of: key)].data.exists(key))
        #expect(test.execute(on: wire).contains(key) == tells)
    }

    @Test func `after an ordered failover links to the former primary stay, and tell its news`() {
        let key = keys[1]
        let former = holder(of: key)
        let data = connection(to: former)
        let wire = listener(at: former)
        cluster.failOver(former, .ordered, for: 0)
        pass(.milliseconds(300))
        #expect(holder(of: key) == former + 3)
        #expect(execute("PING", on: wire).contains("pong"))
        #expect(execute("HMGET \(key) f", on: data).hasPrefix("-MOVED"))
        _ = execute("HSET \(key) f 1", on: connection(to: former + 3))
        #expect(execute(on: wire).contains(key))
        #expect(cluster.isSettled)
    }

    @Test(arguments: [ModelCluster.Failover.crash, .pause, .partition])
    func `a primary that fails is replaced, and follows once it is back`(
        kind: ModelCluster.Failover
    ) {
        let former = holder(of: keys[0])
        cluster.failOver(former, kind, for: .milliseconds(400))
        timeline.run(until: timeline.now + .milliseconds(200)) {
            cluster.seats[(former + 1) % 3].isDown || cluster.holders.servers.contains(former + 3)
        }
        #expect(cluster.seats[(former + 1) % 3].isDown)
        #expect(!cluster.seats[former].isMinority)
        pass(.milliseconds(200))
        #expect(!cluster.seats[(former + 1) % 3].isDown)
        #expect(cluster.seats[former].isMinority == (kind == .partition))
        #expect(servers[former].leader == nil)
        pass(.milliseconds(600))
        #expect(servers[former].leader === servers[former + 3])
        #expect(cluster.isSettled)
        #expect(!cluster.seats[former].isDown)
    }

    @Test func `a primary votes for no replica that has missed a move it knows of`() throws {
        let former = holder(of: keys[0])
        let replica = cluster.seats[former + 3]
        cluster.move(keys[0], .orderly)
        timeline.run(until: timeline.now + .milliseconds(500)) { holder(of: keys[0]) != former }
        let target = holder(of: keys[0])
        try #require(target != former)
        #expect(cluster.seats[target].knowsBetter(than: replica, of: former))
        pass(.milliseconds(200))
        #expect(!cluster.seats[target].knowsBetter(than: replica, of: former))
    }
}

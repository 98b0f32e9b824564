import Testing

/// The measured behaviour of replicas and sentinels that the promises rest on.
struct ModelReplicationTests {
    private let timeline = Timeline(seed: 1, story: Story())
    private let deployment: ModelDeployment
    private let network: Network
    private let servers: [ModelRedis]
    private let sentinels: [ModelSentinel]

    init() {
        deployment = ModelDeployment(timeline, hasThreads: false, span: .milliseconds(100))
        (servers, sentinels) = (deployment.servers, deployment.sentinels)
        let latency = Latency(delayMax: .microseconds(20), stallMax: 0, stallPercent: 0)
        network = Network(timeline, deployment.listeners, latency, isLocal: true)
        deployment.network = network
        pass(.milliseconds(20))
    }

    private func pass(_ span: Nanoseconds) { timeline.run(until: timeline.now + span) }

    private func connection(to listener: any ModelListener) -> Wire {
        network.connect(.stranger, to: listener.endpoint)
    }

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

    @Test func `replicas get what the primary has executed, and take no writes`() {
        #expect(execute("HSET latchkey:record:a f 1", on: connection(to: servers[0])) == ":1")
        let replica = connection(to: servers[1])
        #expect(execute("HGET latchkey:record:a f", on: replica) == "$1 1")
        #expect(execute("HSET latchkey:record:a f 2", on: replica).hasPrefix("-READONLY"))
        #expect(
            execute("MULTI", "DEL latchkey:record:a", "EXEC", on: replica).contains("-EXECABORT")
        )
        #expect(
            execute("INFO replication", on: replica).contains("role:slave master_host:10.0.0.1")
        )
        let information = execute("INFO replication", on: connection(to: servers[0]))
        #expect(information.contains("role:master connected_slaves:2 slave0:ip=10.0.0."))
        for number in 2...3 {
            #expect(information.contains(":ip=10.0.0.\(number),port=6379,state=online,offset="))
        }
        #expect(information.contains("master_replid:\(servers[0].replicationID)"))
    }

    @Test func `a replica tells those that track changes at it`() {
        let wire = connection(to: servers[1])
        let number = execute("CLIENT ID", on: wire).dropFirst()
        _ = execute(
            "CLIENT TRACKING ON REDIRECT \(number) BCAST PREFIX latchkey:record:",
            "SUBSCRIBE __redis__:invalidate",
            on: wire
        )
        _ = execute("HSET latchkey:record:a f 1", on: connection(to: servers[0]))
        #expect(execute(on: wire).hasSuffix("*1 $17 latchkey:record:a"))
    }

    @Test func `WAIT counts the replicas that have what its connection has written`() {
        let writer = connection(to: servers[0])
        #expect(execute("HSET latchkey:record:a f 1", "WAIT 2 1000", on: writer) == ":1 :2")
        servers[2].upstream?.hold(until: timeline.now + .milliseconds(50))
        #expect(execute("HSET latchkey:record:a f 2", "WAIT 2 20", "PING", on: writer) == ":0")
        #expect(execute(on: writer, for: .milliseconds(20)) == ":1 +PONG")
        #expect(execute("WAIT 2 1000", on: writer, for: .milliseconds(60)) == ":2")
    }

    @Test func `WAIT on a connection that has written nothing counts all replicas at once`() {
        _ = execute("HSET latchkey:record:a f 1", on: connection(to: servers[0]))
        servers[1].pause()
        servers[2].pause()
        let writer = connection(to: servers[0])
        #expect(execute("HSET latchkey:record:a f 2", "WAIT 1 10", on: writer) == ":0")
        #expect(execute("WAIT 2 1000", on: connection(to: servers[0])) == ":2")
        #expect(execute("WAIT 1 10", on: connection(to: servers[1])) == "")
    }

    @Test
    func `a replica that is promoted begins a term, and the others stay with the former primary`() {
        let before = servers[0].replicationID
        servers[1].promote(killsClients: false)
        #expect(servers[1].replicationID != before)
        _ = execute("HSET latchkey:record:a f 1", on: connection(to: servers[0]))
        #expect(execute("HGET latchkey:record:a f", on: connection(to: servers[2])) == "$1 1")
        #expect(execute("HGET latchkey:record:a f", on: connection(to: servers[1])) == "$-1")
    }

    @Test
    func
        `a former primary that follows loses what the new one lacks, and tells everybody to forget`()
    {
        servers[1].promote(killsClients: false)
        let wire = connection(to: servers[0])
        let number = execute("CLIENT ID", on: wire).dropFirst()
        let writer = connection(to: servers[0])
        _ = execute("HSET latchkey:record:a f 1", on: writer)
        _ = execute(
            "CLIENT TRACKING ON REDIRECT \(number) BCAST PREFIX latchkey:record:",
            "SUBSCRIBE __redis__:invalidate",
            on: wire
        )
        servers[0].follow(servers[1], killsClients: false)
        #expect(execute(on: wire, for: .milliseconds(20)).hasSuffix("$20 __redis__:invalidate $-1"))
        #expect(execute("HGET latchkey:record:a f", on: writer) == "$-1")
        #expect(servers[0].replicationID == servers[1].replicationID)
    }

    @Test func `a replica that has nothing more than the new primary goes on from where it is`() {
        let wire = connection(to: servers[2])
        let number = execute("CLIENT ID", on: wire).dropFirst()
        _ = execute(
            "CLIENT TRACKING ON REDIRECT \(number) BCAST PREFIX latchkey:record:",
            "SUBSCRIBE __redis__:invalidate",
            on: wire
        )
        servers[1].promote(killsClients: false)
        _ = execute("HSET latchkey:record:a f 1", on: connection(to: servers[1]))
        servers[2].follow(servers[1], killsClients: false)
        #expect(execute(on: wire, for: .milliseconds(20)).hasSuffix("*1 $17 latchkey:record:a"))
        #expect(servers[2].replicationID == servers[1].replicationID)
    }

    @Test func `clients that are blocked lose a primary that has to follow`() {
        let wire = connection(to: servers[0])
        #expect(execute("BLPOP list 10", on: wire) == "")
        servers[0].follow(servers[1], killsClients: false)
        #expect(execute(on: wire).hasPrefix("-UNBLOCKED"))
        #expect(wire.down.hasEnded)
    }

    @Test func `a failover that is ordered has two primaries for a while, and ends with one`() {
        deployment.failOver(.ordered, for: 0)
        timeline.run(until: timeline.now + .milliseconds(50)) { deployment.primary !== servers[0] }
        let leading = servers.filter { !$0.isReplica }
        #expect(leading.count == 2)
        #expect(sentinels.allSatisfy { $0.named == servers[0].endpoint })
        pass(.milliseconds(500))
        #expect(servers.filter { !$0.isReplica }.map(\.endpoint) == [deployment.primary.endpoint])
        #expect(sentinels.allSatisfy { $0.named == deployment.primary.endpoint })
        #expect(deployment.isSettled)
    }

    @Test func `the sentinel that conducts a failover says so, and names the new primary first`()
        throws
    {
        deployment.failOver(.ordered, for: 0)
        timeline.run(until: timeline.now + .milliseconds(200)) {
            sentinels.contains { $0.named != servers[0].endpoint }
        }
        let conductor = try #require(sentinels.first { $0.named != servers[0].endpoint })
        let other = try #require(sentinels.first { $0 !== conductor })
        let address = "SENTINEL GET-MASTER-ADDR-BY-NAME main"
        let told = execute(
            address,
            "SENTINEL MASTER main",
            on: connection(to: conductor),
            for: 900_000
        )
        #expect(told.hasPrefix("*2 $8 10.0.0.\(deployment.primary === servers[1] ? 2 : 3)"))
        #expect(told.contains("$27 master,failover_in_progress"))
        #expect(told.contains("$12 config-epoch $1 2"))
        if other.view.epoch == 1 {
            let report = execute("SENTINEL MASTER main", on: connection(to: other), for: 50_000)
            #expect(report.contains("$12 config-epoch $1 1") || report == "")
        }
    }

    @Test(arguments: [ModelDeployment.Failover.crash, .pause, .partition])
    func `after each kind of failover the former primary follows the new one`(
        kind: ModelDeployment.Failover
    ) {
        deployment.failOver(kind, for: .milliseconds(300))
        pass(.milliseconds(250))
        #expect(deployment.primary !== servers[0])
        #expect(!servers[0].isReplica)
        pass(.milliseconds(600))
        #expect(servers[0].leader === deployment.primary)
        #expect(deployment.isSettled)
    }

    @Test func `a majority is trusted for a while after it has named another`() {
        deployment.failOver(.ordered, for: 0)
        pass(.milliseconds(500))
        let fence = Nanoseconds.milliseconds(50)
        let former = deployment.trusted(servers[0], for: fence)
        let latter = deployment.trusted(deployment.primary, for: fence)
        #expect(former.count == 1 && latter.count == 1)
        #expect(former[0].upperBound < latter[0].upperBound)
        #expect(latter[0].lowerBound + fence >= former[0].upperBound)
        #expect(latter[0].upperBound == .max)
    }
}

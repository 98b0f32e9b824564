import Testing

/// The measured behaviour of Redis that a worker's promises rest on.
struct ModelRedisTests {
    private let timeline: Timeline
    private let store: ModelRedis
    private let network: Network

    init() { self.init(seed: 1, hasThreads: false) }

    private init(seed: UInt64, hasThreads: Bool) {
        timeline = Timeline(seed: seed, story: Story())
        store = ModelRedis(timeline, hasThreads: hasThreads)
        let latency = Latency(delayMax: .microseconds(20), stallMax: 0, stallPercent: 0)
        network = Network(timeline, [store], latency, isLocal: true)
    }

    /// Sends commands, all at once, and returns the replies.
    private func execute(_ commands: String..., on wire: Wire) -> String {
        wire.send(commands)
        return received(on: wire)
    }

    private func received(on wire: Wire) -> String {
        timeline.run(until: timeline.now + .milliseconds(store.hasThreads ? 20 : 5))
        return wire.received()
    }

    private func connection() -> Wire { network.connect(.stranger) }

    /// A connection that receives invalidations of records.
    private func subscriber() -> Wire {
        let wire = connection()
        let number = execute("CLIENT ID", on: wire).dropFirst()
        let tracking = "CLIENT TRACKING ON REDIRECT \(number) BCAST PREFIX latchkey:record:"
        #expect(execute(tracking, on: wire) == "+OK")
        #expect(
            execute("SUBSCRIBE __redis__:invalidate", on: wire)
                == "*3 $9 subscribe $20 __redis__:invalidate :1"
        )
        return wire
    }

    private static let invalidation =
        "*3 $7 message $20 __redis__:invalidate *1 $17 latchkey:record:a"

    @Test func `a key that is set and deleted with a change is invalidated in the same message`() {
        let (subscriber, writer) = (subscriber(), connection())
        let commands = ["MULTI", "HSET latchkey:record:a f 1", "SET latchkey:record:b 1"]
        writer.send(commands + ["DEL latchkey:record:b", "EXEC"])
        #expect(received(on: writer).hasSuffix("*3 :1 +OK :1"))
        let message = received(on: subscriber)
        #expect(message.hasPrefix("*3 $7 message $20 __redis__:invalidate *2"))
        #expect(message.contains("latchkey:record:a") && message.contains("latchkey:record:b"))
    }

    @Test func `an answer in the turn of a change arrives before its invalidation`() {
        let (subscriber, writer) = (subscriber(), connection())
        store.pause()
        subscriber.send(["PING 17"])
        writer.send(["HSET latchkey:record:a f 1"])
        #expect(received(on: subscriber) == "")
        store.resume()
        #expect(received(on: subscriber) == "*2 $4 pong $2 17 \(Self.invalidation)")
    }

    @Test func `only records are invalidated, once for all changes of a turn`() {
        let (subscriber, writer) = (subscriber(), connection())
        _ = execute("HSET latchkey:{gateways} w 1", on: writer)
        _ = execute("HSET latchkey:record:a f 1", "HSET latchkey:record:a f 1", on: writer)
        #expect(received(on: subscriber) == Self.invalidation)
        #expect(execute("HDEL latchkey:record:a g", on: writer) == ":0")
        #expect(received(on: subscriber) == "")
    }

    @Test func `FLUSHALL invalidates all keys at once, without names`() {
        let (subscriber, writer) = (subscriber(), connection())
        _ = execute("FLUSHALL", on: writer)
        #expect(received(on: subscriber) == "*3 $7 message $20 __redis__:invalidate $-1")
    }

    @Test func `with I/O threads an answer may overtake invalidations, and the next one does not`()
    {
        var overtaken = 0
        for seed in 0..<200 as Range<UInt64> {
            let model = ModelRedisTests(seed: seed, hasThreads: true)
            let (subscriber, writer) = (model.subscriber(), model.connection())
            writer.send(["HSET latchkey:record:a f 1"])
            writer.down.onArrival = { subscriber.send(["PING 1"]) }
            let received = model.received(on: subscriber)
            #expect(received.contains("$1 1") && received.contains(Self.invalidation))
            if !received.hasPrefix(Self.invalidation) { overtaken += 1 }
            writer.down.onArrival = {}
            #expect(model.execute("PING 2", on: subscriber) == "*2 $4 pong $1 2")
        }
        #expect(overtaken > 0)
    }

    @Test func `what is refused within a transaction makes it fail`() {
        let writer = connection()
        store.refuse(.growth, for: .milliseconds(20))
        #expect(execute("HGET list f", "HDEL list f", on: writer) == "$-1 :0")
        #expect(execute("MULTI", "HSET list f 1", on: writer).hasPrefix("+OK -OOM"))
        #expect(execute("EXEC", on: writer) == "-EXECABORT Transaction discarded")
        timeline.run(until: timeline.now + .milliseconds(20))
        store.refuse(.writes, for: .milliseconds(20))
        #expect(execute("HDEL list f", on: writer).hasPrefix("-MISCONF"))
        #expect(execute("PING", on: writer).hasPrefix("-MISCONF"))
        #expect(execute("HGET list f", on: writer) == "$-1")
    }

    @Test func `lists and counters expire by the wall clock`() {
        let writer = connection()
        #expect(execute("RPUSH list a", "EXPIRE list 60", on: writer) == ":1 :1")
        #expect(execute("SET n 0 PX 500 NX", "INCR n", on: writer) == "+OK :1")
        #expect(execute("SET n 0 PX 500 NX", "INCR n", on: writer) == "$-1 :2")
        store.stepClock(by: 90_000)
        #expect(execute("LPOP list 10", "INCR n", on: writer) == "*-1 :1")
    }

    @Test func `a server that starts has another replication ID`() {
        let before = store.replicationID
        #expect(before.utf8.count == 40)
        store.die(isNotified: true)
        store.start()
        #expect(store.replicationID != before)
        timeline.run(until: timeline.now + .milliseconds(60))
        let information = execute("INFO replication", on: connection())
        #expect(
            information.contains(
                "role:master connected_slaves:0 master_replid:\(store.replicationID)"
            )
        )
    }

    @Test func `HSET counts only new fields`() {
        let writer = connection()
        #expect(execute("HSET latchkey:{gateways} w 1", on: writer) == ":1")
        #expect(execute("HSET latchkey:{gateways} w 2", on: writer) == ":0")
        #expect(execute("HDEL latchkey:{gateways} w", on: writer) == ":1")
        #expect(execute("HSET latchkey:{gateways} w 2", on: writer) == ":1")
    }

    @Test func `a transaction fails if any client has written a key that it watches`() {
        let (one, other) = (connection(), connection())
        let transaction = ["MULTI", "HINCRBY latchkey:record:a version 1"]
        #expect(
            execute("WATCH latchkey:record:a", transaction[0], transaction[1], on: one).hasSuffix(
                "+QUEUED"
            )
        )
        #expect(execute("EXEC", on: one) == "*1 :1")
        _ = execute("WATCH latchkey:record:a", transaction[0], transaction[1], on: one)
        #expect(execute("HSET latchkey:record:a f 1", on: other) == ":1")
        #expect(execute("EXEC", on: one) == "*-1")
        _ = execute("WATCH latchkey:record:a", on: one)
        _ = execute("FLUSHALL", on: other)
        #expect(execute("MULTI", "EXEC", on: one) == "+OK *-1")
    }

    @Test func `BLPOP ends with an element, or after its timeout`() {
        let (one, other) = (connection(), connection())
        #expect(execute("BLPOP list 0.020", on: one) == "")
        #expect(execute("RPUSH list a b", on: other) == ":2")
        #expect(received(on: one) == "*2 $4 list $1 a")
        #expect(execute("LPOP list 10", on: other) == "*1 $1 b")
        #expect(execute("BLPOP list 0.004", "PING", on: one) == "*-1 +PONG")
    }

    @Test func `a stopped server accepts connections and bytes, and serves them later`() {
        store.pause()
        let wire = connection()
        #expect(wire.state == .open)
        #expect(execute("PING", on: wire) == "")
        store.resume()
        #expect(received(on: wire) == "+PONG")
    }

    @Test func `a server that has ended keeps its data and loses its connections`() {
        let wire = subscriber()
        _ = execute("HSET latchkey:record:a f 1", on: connection())
        _ = received(on: wire)
        store.die(isNotified: true)
        #expect(received(on: wire) == "")
        #expect(wire.down.hasEnded)
        #expect(connection().state == .refused)
        store.start()
        timeline.run(until: timeline.now + .milliseconds(60))
        #expect(execute("HGET latchkey:record:a f", on: connection()) == "$1 1")
    }
}

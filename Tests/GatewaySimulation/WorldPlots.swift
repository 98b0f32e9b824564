/// Plots: courses of events by which somebody knows less of a failover than the others. One runs at a time.
extension World {
    /// A step, some time after the one before.
    private typealias Step = (after: Nanoseconds, action: () -> Void)

    private func begin(_ steps: [Step]) {
        guard !hasPlot else { return }
        hasPlot = true
        run(steps[...])
    }

    private func run(_ steps: ArraySlice<Step>) {
        guard let step = steps.first else {
            hasPlot = false
            return
        }
        timeline.after(step.after) { [self] in
            guard !isEnding else { return }
            step.action()
            run(steps.dropFirst())
        }
    }

    /// A span, drawn around a mean.
    private func around(_ mean: Nanoseconds) -> Nanoseconds {
        timeline.chance.number(mean / 2...mean * 3 / 2)
    }

    private func note(troubleFor span: Nanoseconds) {
        judge.troubledUntil = max(judge.troubledUntil, timeline.now + span)
    }

    /// What happens at the primary comes to no replica for a while.
    private func holdReplication(_ servers: [ModelRedis], for span: Nanoseconds) {
        for server in servers { server.upstream?.hold(until: timeline.now + span) }
    }

    /// A worker for a plot; `nil` while there is another one.
    private var anyWorker: (machine: Machine, worker: SimulatedWorker)? {
        guard !hasPlot, let machine = timeline.chance.element(of: machines),
            let worker = machine.running
        else { return nil }
        return (machine, worker)
    }
}

extension World {
    func failOverBehind(_ deployment: ModelDeployment) {
        let span = 2 * scenario.failoverSpan + leaseSpan
        let kinds: [ModelDeployment.Failover] = [.crash, .pause, .partition, .ordered]
        let kind = timeline.chance.element(of: kinds)!
        note(troubleFor: 4 * span)
        begin([
            (0, { self.holdReplication(deployment.servers, for: 2 * span) }),
            (around(leaseSpan / 2), { deployment.failOver(kind, for: 2 * span) }),
            (2 * span, {}),
        ])
    }

    /// A worker stays with the primary, and with all that is cut off together with it.
    func cutOff(_ deployment: ModelDeployment) {
        guard let (_, worker) = anyWorker else { return }
        let span = around(8 * leaseSpan) + 2 * trustSpan
        let kind = timeline.chance.element(of: scenario.failovers.filter { $0.cutsOff })
        note(troubleFor: 2 * span)
        begin([
            (
                0,
                {
                    deployment.failOver(
                        kind ?? .partition,
                        for: span,
                        sides: [.worker(worker.number): .inside]
                    )
                }
            ),
            (span + 4 * leaseSpan, {}),
        ])
    }

    /// The answers on their way come as late as they may: then the worker gives the sentinels up.
    func hearLate(_ deployment: ModelDeployment) {
        guard let (_, worker) = anyWorker else { return }
        let client = Client.worker(worker.number)
        let timeout = Nanoseconds.milliseconds(scenario.timeoutMilliseconds)
        let delay = timeline.chance.number(timeout * 6 / 10...timeout * 95 / 100)
        note(troubleFor: 4 * timeout)
        begin([
            (
                0,
                { [self] in
                    for wire in network.wires(of: client, to: deployment.sentinels) {
                        wire.down.hold(until: timeline.now + delay)
                    }
                }
            ),
            (
                around(leaseSpan / 2),
                { deployment.failOver(.partition, for: 2 * timeout, sides: [client: .inside]) }
            ),
            (2 * timeout, {}),
        ])
    }

    /// It is away for most of the time for which it may admit keys without the store.
    func hearNews(_ deployment: ModelDeployment) {
        guard let (_, worker) = anyWorker else { return }
        let client = Client.worker(worker.number)
        let away = timeline.chance.number(trustSpan * 3 / 10...trustSpan * 7 / 10)
        let kind = timeline.chance.element(of: scenario.failovers)!
        note(troubleFor: 4 * trustSpan)
        begin([
            (
                0,
                { [self] in
                    network.part(client, for: away)
                    network.add(
                        NetworkRift(
                            until: timeline.now + 3 * trustSpan,
                            inside: Set(deployment.servers.map(\.endpoint)),
                            isOfListeners: false,
                            sides: [client: .outside],
                            others: .inside,
                            number: 0
                        )
                    )
                }
            ),
            (around(leaseSpan / 4), { deployment.failOver(kind, for: self.leaseSpan) }),
            (3 * trustSpan, {}),
        ])
    }

    /// The worker starts anew while the replicas hear nothing, and is cut off together with the primary.
    func loseEntry(_ deployment: ModelDeployment) {
        guard let (machine, worker) = anyWorker else { return }
        note(troubleFor: 3 * trustSpan)
        worker.retire()
        begin([
            (
                .milliseconds(300),
                { [self] in
                    holdReplication(deployment.servers, for: 6 * leaseSpan)
                    if machine.worker === worker { startWorker(at: machine) }
                }
            ),
            (
                around(2 * leaseSpan),
                { [self] in
                    guard let newcomer = machine.running else { return }
                    deployment.failOver(
                        .partition,
                        for: 2 * trustSpan,
                        sides: [.worker(newcomer.number): .inside]
                    )
                }
            ),
            (2 * trustSpan, {}),
        ])
    }

    /// The worker starts anew at the second primary, and is cut off when the first one is named again.
    func returnToPrimary(_ deployment: ModelDeployment) {
        guard let (machine, worker) = anyWorker else { return }
        note(troubleFor: 4 * trustSpan)
        let span = scenario.failoverSpan
        worker.retire()
        begin([
            (
                .milliseconds(300),
                {
                    deployment.returning = deployment.primary
                    deployment.failOver(.pause, for: 2 * span)
                }
            ),
            (3 * span, { if machine.worker === worker { self.startWorker(at: machine) } }),
            (
                around(2 * leaseSpan),
                { [self] in
                    if let newcomer = machine.running {
                        network.part(.worker(newcomer.number), for: 2 * trustSpan)
                    }
                    deployment.failOver(.ordered, for: 0)
                }
            ),
            (2 * trustSpan, {}),
        ])
    }

    func failOverBehind(_ cluster: ModelCluster) {
        let span = 2 * scenario.failoverSpan + leaseSpan
        note(troubleFor: 4 * span)
        begin([
            (0, { self.holdReplication(cluster.servers, for: 2 * span) }),
            (around(leaseSpan / 2), { self.failOverAny(cluster, for: 2 * span) }),
            (2 * span, {}),
        ])
    }

    /// A worker stays with the primary of a shard.
    func cutOff(_ cluster: ModelCluster) {
        guard let (_, worker) = anyWorker,
            let former = timeline.chance.element(of: cluster.holders.servers)
        else { return }
        let span = around(4 * leaseSpan) + 2 * trustSpan + 2 * scenario.failoverSpan
        note(troubleFor: 2 * span)
        begin([
            (
                0,
                {
                    cluster.failOver(
                        former,
                        .partition,
                        for: span,
                        sides: [.worker(worker.number): .inside]
                    )
                }
            ),
            (span + 4 * leaseSpan, {}),
        ])
    }
}

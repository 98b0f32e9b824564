import Keyring
import RedisClient

@testable import Administration

/// What administrators reach the store with.
extension World {
    func administratorTools(_ client: Client, _ configuration: Configuration) -> (
        any StoreChannel, any BlockingClock
    ) {
        let machine = timeline.chance.element(of: administratorClocks)!
        switch configuration.topology {
        case .standalone: break
        case .sentinel(let url): return sentinelTools(client, url, machine)
        case .cluster(let url): return clusterTools(client, url, machine)
        }
        let channel = SimulatedChannel(client, machine, timeline, network)
        let clock = SimulatedClock(clock: machine, timeline: timeline)
        guard let flaw = flaw?.procedure else { return (channel, clock) }
        if flaw == .silentNotWaitedOut {
            return (channel, HastyClock(clock: machine, timeline: timeline))
        }
        let second = SimulatedChannel(client, machine, timeline, network)
        let flawed = FlawedChannel(
            channel,
            second: second,
            flaw,
            bootID: machine.bootID,
            connect: { _ in second }
        )
        return (flawed, clock)
    }

    /// The real search for the primary, with simulated connections.
    private func sentinelTools(_ client: Client, _ url: SentinelURL, _ machine: MachineClock) -> (
        any StoreChannel, any BlockingClock
    ) {
        let clock = SimulatedClock(clock: machine, timeline: timeline)
        func connect(_ endpoint: Endpoint) -> SimulatedChannel {
            SimulatedChannel(client, machine, timeline, network, to: endpoint)
        }
        func store(_ sentinels: any Sentinels) -> SentinelStore {
            let store = SentinelStore(
                PrimarySearch(url: url, sentinels: sentinels),
                clock: clock,
                connect: connect
            )
            store.patienceMilliseconds = 1000
            return store
        }
        let servers = SimulatedServers(client, machine, timeline, network)
        let sentinels = SimulatedSentinels(url.sentinels, servers)
        guard let deployment, let flaw = flaw?.procedure else {
            return (store(sentinels), clock)
        }
        let flawed = FlawedSentinels(sentinels, flaw, deployment)
        let channel = FlawedChannel(
            store(flawed),
            second: store(sentinels),
            flaw,
            bootID: machine.bootID,
            connect: connect
        )
        return (channel, clock)
    }

    /// The real search for whoever holds a slot, with simulated connections.
    private func clusterTools(_ client: Client, _ url: ClusterURL, _ machine: MachineClock) -> (
        any StoreChannel, any BlockingClock
    ) {
        let isHasty = flaw?.procedure == .silentNotWaitedOut
        let clock: any BlockingClock =
            isHasty
            ? HastyClock(clock: machine, timeline: timeline)
            : SimulatedClock(clock: machine, timeline: timeline)
        let channels = SimulatedChannels { [timeline, network] endpoint in
            SimulatedChannel(client, machine, timeline, network, to: endpoint)
        }
        func store() -> ClusterStore {
            let store = ClusterStore(
                seeds: url.servers,
                servers: SimulatedServers(client, machine, timeline, network),
                clock: clock,
                connect: channels.connect
            )
            store.patienceMilliseconds = isHasty ? 20_000 : 1000
            return store
        }
        guard let cluster, let flaw = flaw?.procedure else { return (store(), clock) }
        let channel = FlawedChannel(
            store(),
            second: store(),
            flaw,
            bootID: machine.bootID,
            followers: { [unowned cluster] in cluster.followers(of: $0) },
            connect: channels.connect
        )
        return (channel, clock)
    }
}

import RedisClient

@testable import Administration

/// Sentinels whose answers are falsified, or not asked for.
final class FlawedSentinels: Sentinels {
    private let sentinels: SimulatedSentinels
    private let flaw: Flaw.Procedure
    private let deployment: ModelDeployment
    private var last: [Result<[RedisReply], StoreConnection.Fault>]?

    init(_ sentinels: SimulatedSentinels, _ flaw: Flaw.Procedure, _ deployment: ModelDeployment) {
        (self.sentinels, self.flaw, self.deployment) = (sentinels, flaw, deployment)
    }

    func ask(_ commands: [RedisCommand]) -> [Result<[RedisReply], StoreConnection.Fault>] {
        if let last, flaw == .primaryNotConfirmed { return last }
        var answers = sentinels.ask(commands)
        if flaw == .minorityDecides, let any = answers.first(where: { (try? $0.get()) != nil }) {
            answers = answers.map { (try? $0.get()) == nil ? any : $0 }
        }
        answers = answers.map { $0.map(falsified) }
        last = answers
        return answers
    }

    /// Falsifies what a sentinel says of the primary and of its replicas.
    private func falsified(_ replies: [RedisReply]) -> [RedisReply] {
        guard replies.count == 2, let report = SentinelReport(replies[0]) else { return replies }
        switch flaw {
        case .failoverIgnored:
            return [replacing("flags", by: "master", in: replies[0]), replies[1]]
        case .epochIgnored: return [replacing("config-epoch", by: "1", in: replies[0]), replies[1]]
        case .copiesOfServer:
            let followers = followers(of: report.address)
            let count = String(followers.count)
            return [
                replacing("num-slaves", by: count, in: replies[0]), only(followers, replies[1]),
            ]
        default: return replies
        }
    }

    /// Those that the server itself has.
    private func followers(of primary: Endpoint?) -> Set<Endpoint> {
        let server = deployment.servers.first { $0.endpoint == primary }
        return Set((server?.followers ?? []).filter { !$0.isBroken }.map(\.follower.endpoint))
    }

    private func only(_ servers: Set<Endpoint>, _ list: RedisReply) -> RedisReply {
        guard case .array(let elements) = list else { return list }
        return .array(
            elements.filter { SentinelReport($0)?.address.map(servers.contains) ?? false }
        )
    }

    private func replacing(_ field: String, by value: String, in reply: RedisReply) -> RedisReply {
        guard case .array(var elements) = reply else { return reply }
        for index in elements.indices.dropLast() {
            if case .bulk(let name) = elements[index], name.elementsEqual(field.utf8) {
                elements[index + 1] = .bulk(ArraySlice(value.utf8))
            }
        }
        return .array(elements)
    }
}

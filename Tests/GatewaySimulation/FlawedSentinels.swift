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
        answers = answers.map { $0.map { $0.map(falsified) } }
        last = answers
        return answers
    }

    private func falsified(_ reply: RedisReply) -> RedisReply {
        guard case .array(var elements) = reply else { return reply }
        for index in elements.indices.dropLast() {
            guard case .bulk(let name) = elements[index] else { continue }
            switch (flaw, String(decoding: name, as: UTF8.self)) {
            case (.failoverIgnored, "flags"): elements[index + 1] = .bulk(ArraySlice("master".utf8))
            case (.epochIgnored, "config-epoch"): elements[index + 1] = .bulk(ArraySlice("1".utf8))
            case (.copiesOfServer, "num-slaves"):
                let primary = SentinelReport(reply)?.address
                let server = deployment.servers.first { $0.endpoint == primary }
                let count = server?.followers.count { !$0.isBroken } ?? 0
                elements[index + 1] = .bulk(ArraySlice(String(count).utf8))
            default: break
            }
        }
        return .array(elements)
    }
}

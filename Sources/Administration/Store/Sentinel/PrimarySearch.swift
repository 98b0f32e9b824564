import Keyring
import RedisClient

/// The sentinels of the configuration.
///
/// ``SentinelGroup`` connects to them; tests simulate.
protocol Sentinels: AnyObject {
    /// What each of them replies to commands, in the configuration's order. All are asked at once, and within
    /// a bounded time.
    func ask(_ commands: [RedisCommand]) -> [Result<[RedisReply], StoreConnection.Fault>]
}

/// Asks the sentinels which server is the primary.
struct PrimarySearch {
    let url: SentinelURL
    let sentinels: any Sentinels

    /// Why no primary is known.
    struct Dispute: Error, Equatable {
        /// What the sentinels say, as a sentence without an end.
        let text: String

        /// Whether too many sentinels refuse the question for a majority to form.
        var isRefusal = false
    }

    /// The primary.
    ///
    /// - Throws: Why it is not certain which server that is.
    func namedPrimary() throws(Dispute) -> NamedPrimary {
        let commands = [SentinelCommands.primary(url.name), SentinelCommands.replicas(url.name)]
        let answers = sentinels.ask(commands).map(SentinelAnswer.init)
        return try PrimaryVerdict(url, answers).primary()
    }
}

/// What a sentinel says about the primary.
enum SentinelAnswer: Equatable {
    /// What it reports of the primary, and the replicas that it knows.
    case report(SentinelReport, Replicas)
    /// It answers, but does not report the primary. That stays so until somebody changes its configuration.
    case refused(String)
    case silent(String)

    /// The replicas that a sentinel knows. It does not list those that are configured to be hidden.
    struct Replicas: Equatable {
        let count: Int
        let listed: Set<Endpoint>

        /// - Parameters:
        ///   - count: What it says of their number.
        ///   - list: What it says of each; `nil` if it does not report it.
        init(_ count: UInt64?, _ list: [SentinelReport]?) {
            let ghosts = list?.count { !$0.isServer } ?? 0
            listed = Set((list ?? []).filter(\.isServer).compactMap(\.address))
            self.count = max(Int(count ?? 0) - ghosts, listed.count)
        }
    }

    init(_ result: Result<[RedisReply], StoreConnection.Fault>) {
        switch result {
        case .success(let replies):
            self.init(replies.first, replicas: replies.dropFirst().first)
        case .failure(.refused(let text)): self = .refused(text)
        case .failure(let fault): self = .silent(fault.text)
        }
    }

    private init(_ reply: RedisReply?, replicas: RedisReply?) {
        if let report = reply.flatMap({ SentinelReport($0) }) {
            let list = replicas.flatMap { SentinelReport.list($0) }
            self = .report(report, Replicas(report.replicaCount, list))
        } else {
            self = .refused(reply?.failure?.message ?? "an unexpected reply")
        }
    }
}

/// Decides which server is the primary, from what the sentinels say.
///
/// A majority of all that are configured must name one address in one configuration, and must reach it. While
/// a failover is under way, they may still name the former primary: a sentinel that conducts one, or knows
/// a later configuration, therefore contradicts all others.
struct PrimaryVerdict {
    private let url: SentinelURL
    private let answers: [SentinelAnswer]

    /// - Parameter answers: In the order of the sentinels.
    init(_ url: SentinelURL, _ answers: [SentinelAnswer]) {
        (self.url, self.answers) = (url, answers)
    }

    /// The primary.
    ///
    /// - Throws: Why it is not certain.
    func primary() throws(PrimarySearch.Dispute) -> NamedPrimary {
        let votes = answers.compactMap(vote)
        for vote in votes {
            let majority = votes.filter { $0.primary == vote.primary }
            guard majority.count >= url.majority else { continue }
            guard !isDisputed(vote.primary) else { break }
            let replicas = Set(majority.flatMap(\.replicas.listed))
            let count = majority.map(\.replicas.count).max() ?? 0
            return NamedPrimary(
                primary: vote.primary,
                replicaCount: max(count, replicas.count),
                replicas: replicas
            )
        }
        throw PrimarySearch.Dispute(text: text, isRefusal: isRefusal)
    }

    private var reports: [SentinelReport] {
        answers.compactMap { if case .report(let report, _) = $0 { report } else { nil } }
    }

    /// Whom a sentinel names, and the replicas that it knows; `nil` if it names nobody without doubt.
    private func vote(_ answer: SentinelAnswer)
        -> (primary: Primary, replicas: SentinelAnswer.Replicas)?
    {
        guard case .report(let report, let replicas) = answer, !report.isDown,
            !report.isFailingOver, let primary = primary(report)
        else { return nil }
        return (primary, replicas)
    }

    private func primary(_ report: SentinelReport) -> Primary? {
        guard let address = report.address, let epoch = report.configEpoch else { return nil }
        return Primary(
            address: address,
            version: SentinelVersion(configEpoch: epoch, witnesses: url.digest)
        )
    }

    private func isDisputed(_ primary: Primary) -> Bool {
        reports.contains { report in
            report.isFailingOver || primary.version?.configEpoch ?? 0 < report.configEpoch ?? 0
        }
    }

    private var isRefusal: Bool {
        let refusals = answers.filter { if case .refused = $0 { true } else { false } }
        return answers.count - refusals.count < url.majority
    }

    private var text: String {
        let words = zip(url.sentinels, answers).map { "\($0): \(self.words($1))" }
        return
            "the sentinels do not agree on the primary of \(url.name) (\(words.joined(separator: "; ")))"
    }

    private func words(_ answer: SentinelAnswer) -> String {
        switch answer {
        case .silent(let reason): reason
        case .refused(let reason): "refused: \(reason)"
        case .report(let report, _): words(report)
        }
    }

    private func words(_ report: SentinelReport) -> String {
        guard let primary = primary(report) else {
            return "names \(report["ip"] ?? "nothing"), which is not an IP address"
        }
        let state =
            report.isFailingOver
            ? ", in a failover" : report.isDown ? ", which it cannot reach" : ""
        return "\(primary.address)\(state)"
    }
}

extension SentinelReport {
    /// Whether it is of a server. Whoever has copied the data once, as `redis-cli --rdb` does, is known as a
    /// replica without a port from then on, and never promoted.
    var isServer: Bool { self["port"] != "0" }
}

import KeyFormat
import Keyring
import RedisClient
import TestSupport

@testable import Administration

/// Three simulated sentinels, and what each of them says.
final class SimulatedSentinels: Sentinels {
    static let configuration = "sentinel://10.0.1.1,10.0.1.2,10.0.1.3/main"

    /// What a sentinel reports of the primary.
    struct Word {
        var address: String
        var epoch = "1"
        var flags = "master"
        var replicas = "2"

        /// Replicas without a port, in the number and in the list.
        var ghosts = 0

        /// Whether it lists the replicas.
        var isOpen = true

        init(_ server: Int, epoch: Int = 1, flags: String = "master", replicas: Int = 2) {
            address = "10.0.0.\(server)"
            (self.epoch, self.flags, self.replicas) = ("\(epoch)", flags, "\(replicas)")
        }

        private static func report(_ words: [String]) -> RedisReply {
            .array(words.map { .bulk(ArraySlice($0.utf8)) })
        }

        var answer: Result<[RedisReply], StoreConnection.Fault> {
            let words = [
                "name", "main", "ip", address, "port", "6379", "flags", flags, "config-epoch",
                epoch,
                "num-slaves", replicas,
            ]
            let count = Int(replicas) ?? -1
            let list = isOpen && (0..<10).contains(count)
            let servers = (0..<(list ? count : 0)).map { number in
                Self.report([
                    "ip", "10.0.0.\(number + 4)", "port", number < count - ghosts ? "6379" : "0",
                ])
            }
            return .success([
                Self.report(words), list ? .array(servers) : .error(ArraySlice("NOPERM no".utf8)),
            ])
        }
    }

    typealias Answer = Result<[RedisReply], StoreConnection.Fault>

    static let silent = Answer.failure(.unreachable("it is down"))
    static let refusing = Answer.success([.error(ArraySlice("NOPERM no permission".utf8))])

    var answers: [Answer]

    /// Number of times that they were asked.
    private(set) var questions = 0

    /// Called before each answer.
    var onQuestion: (Int) -> Void = { _ in }

    init(_ answers: [Answer]) {
        self.answers = answers
    }

    func ask(_ commands: [RedisCommand]) -> [Result<[RedisReply], StoreConnection.Fault>] {
        questions += 1
        onQuestion(questions)
        return answers
    }

    /// All say the same.
    func say(_ word: Word) { answers = [word.answer, word.answer, word.answer] }
}

/// A simulated store of three servers with alice's organization acme and its key. The first one is the primary.
struct SimulatedDeployment: AdministeredStore {
    let clock = SimulatedClock()
    let sentinels = SimulatedSentinels([])
    let servers: [SimulatedStore]
    let store: SentinelStore
    let administration: AdministrationContext
    private let makeAdministration: (String) -> AdministrationContext

    /// - Parameter isHandedOver: Whether the first server's term was handed over to the membership list.
    init(_ directives: [Directive] = [], isHandedOver: Bool = true) throws {
        let (clock, sentinels) = (clock, sentinels)
        let servers = (1...3).map { number in
            let server = SimulatedStore(clock)
            server.replicationID = "r\(number)"
            (server.replicas, server.prompt) = (2, 2)
            return server
        }
        sentinels.say(.init(1))
        let topology = Directive(
            name: "latchkey_store",
            values: [SimulatedSentinels.configuration]
        )
        let configuration = try Configuration([topology] + directives)
        let store = try SentinelStore.simulated(configuration, sentinels, clock) { endpoint in
            servers[
                endpoint.description == "10.0.0.1:6379"
                    ? 0 : endpoint.description == "10.0.0.2:6379" ? 1 : 2
            ]
        }
        let peppers = try PepperRing(contents: PepperRing.makeContents())
        var generator = SplitMix64(seed: 1)
        func who(_ account: String) -> AdministrationContext {
            AdministrationContext(
                configuration,
                caller: Caller(account: Principal(account)!, as: nil, operators: ["root"]),
                peppers: peppers,
                channel: store,
                clock: clock,
                makeSignalID: { SignalID(at: $0, using: &generator) }
            )
        }
        (self.servers, self.store, administration) = (servers, store, who("alice"))
        makeAdministration = who
        _ = try who("root").organizations.add(Installation.acme, owner: Installation.alice)
        _ = try administration.keys.generate(for: Installation.acme, policy: .none)
        servers[0].hashes[SimulatedInstallation.members] =
            isHandedOver
            ? ["generation": "g1", "checksum": "0", term("r1.1"): "9999999999999999999:0"]
            : ["generation": "g1"]
        servers[0].signals = []
    }

    /// The field of a term that these sentinels name.
    func term(_ name: String) -> String {
        "term:\(name).\(administration.configuration.witnesses ?? ""):g1"
    }

    /// The services for an account.
    func administration(of account: String) -> AdministrationContext { makeAdministration(account) }

    /// Makes a server the primary in a later configuration of the sentinels.
    ///
    /// - Parameter isUpToDate: Whether it has everything that the first one has.
    func failOver(to number: Int, epoch: Int = 2, isUpToDate: Bool = true) {
        if isUpToDate { servers[number - 1].hashes = servers[0].hashes }
        if number != 1 { servers[0].role = "slave" }
        sentinels.say(.init(number, epoch: epoch))
    }

    /// Registers a worker with the server that replies first.
    @discardableResult
    func worker(
        _ number: UInt64,
        lease: UInt64 = 1000,
        witnesses: String? = nil,
        at server: Int = 1
    ) -> Member {
        var generator = SplitMix64(seed: number << 8)
        let member = Member(
            id: Member.ID(number),
            host: "web-\(number)",
            processID: 4710 + number,
            version: "0.2.0",
            leaseMilliseconds: lease,
            graceMilliseconds: 0,
            token: Member.Token(using: &generator),
            witnesses: witnesses ?? administration.configuration.witnesses
        )
        servers[server - 1].carryOut(MembershipCommands.join(member))
        return member
    }

    /// The Redis key of acme's record.
    var record: String { "latchkey:record:{\(Installation.acme.locator)}" }
}

extension SentinelStore {
    static func simulated(
        _ configuration: Configuration,
        _ sentinels: SimulatedSentinels,
        _ clock: SimulatedClock,
        _ connect: @escaping (Endpoint) -> any StoreChannel
    ) throws -> SentinelStore {
        guard case .sentinel(let url) = configuration.topology else {
            throw ConfigurationFault("no sentinels")
        }
        return SentinelStore(
            PrimarySearch(url: url, sentinels: sentinels),
            clock: clock,
            connect: connect
        )
    }
}

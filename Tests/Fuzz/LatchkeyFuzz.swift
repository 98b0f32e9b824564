import Glibc
import TestSupport

/// `latchkey-fuzz TARGET [--inputs N] [--seed S] [--first I]`: feeds generated inputs to a parser and
/// checks the properties that must hold for each.
///
/// An input depends on the seed and its index alone, so a failing one can be repeated alone.
@main
struct LatchkeyFuzz {
    static let usage = """
        Usage: latchkey-fuzz keys|replies|records|configuration|cluster|gateway|failover|moves
                            [--inputs N] [--seed S] [--first I]

          --inputs N  how many inputs (default 1000000)
          --seed S    the same inputs as another run (default: another seed each time)
          --first I   begin with input I of the run, to repeat a failure
        """

    static func main() {
        guard let options = Options(CommandLine.arguments.dropFirst()) else {
            print(usage)
            exit(64)
        }
        print("\(options.target): seed \(options.seed)")
        do {
            switch options.target {
            case .keys: try run(KeyFuzz(), options)
            case .replies: try run(ReplyFuzz(), options)
            case .records: try run(RecordFuzz(), options)
            case .configuration: try run(ConfigurationFuzz(), options)
            case .cluster: try run(ClusterFuzz(), options)
            case .gateway: try run(GatewayFuzz(), options)
            case .failover: try run(GatewayFuzz(sentinelCount: 3), options)
            case .moves: try run(GatewayFuzz(isCluster: true), options)
            }
        } catch {
            print("\(options.target): \(error)")
            exit(1)
        }
    }

    private static func run(_ target: some FuzzTarget, _ options: Options) throws {
        var target = target
        let clock = ContinuousClock()
        let start = clock.now
        let progress = max(options.inputs / 10, 1)
        for index in options.first..<options.first + options.inputs {
            var random = SplitMix64(seed: options.seed, input: index)
            do {
                try target.run(&random)
            } catch let violation as Violation {
                throw Failure(seed: options.seed, index: index, violation: violation)
            }
            let count = index - options.first + 1
            // If a trap ends the run, these lines name the input.
            if count % progress == 0 {
                print("\(options.target): \(count) inputs, \(target.tally)")
            }
        }
        guard target.outcomes.allSatisfy({ $0 > 0 }) || options.inputs < enoughInputs else {
            throw Blindness()
        }
        let seconds = (clock.now - start) / .seconds(1)
        let rate = Int(Double(options.inputs) / max(seconds, 0.001))
        print("\(options.target): \(rate) inputs/s")
    }

    /// Enough inputs to reach every outcome.
    private static let enoughInputs: UInt64 = 100_000

    private struct Blindness: Error, CustomStringConvertible {
        let description = "the inputs did not reach every outcome"
    }

    private struct Failure: Error, CustomStringConvertible {
        let seed: UInt64
        let index: UInt64
        let violation: Violation

        var description: String {
            "\(violation.text)\ninput: \(violation.input)\nagain: --seed \(seed) --first \(index) --inputs 1"
        }
    }
}

/// A source of inputs, and the properties that must hold for each.
protocol FuzzTarget {
    /// Generates one input and feeds it.
    mutating func run(_ random: inout SplitMix64) throws

    /// How often each outcome was reached.
    var outcomes: [Int] { get }

    /// The outcomes as text.
    var tally: String { get }
}

/// A property does not hold.
struct Violation: Error {
    let text: String
    let input: String

    init(_ text: String, _ input: [UInt8]) {
        self.text = text
        self.input = input.map { byte in
            (0x20...0x7E).contains(byte) && byte != UInt8(ascii: "\\")
                ? String(UnicodeScalar(byte))
                : "\\x" + String(UInt16(byte) + 0x100, radix: 16).dropFirst()
        }.joined()
    }
}

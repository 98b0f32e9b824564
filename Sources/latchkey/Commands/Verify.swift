import Administration
import ArgumentParser
import KeyFormat
import Keyring

struct Verify: LatchkeyCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say whose a key is, or that it is not valid.",
        discussion: """
            Reads the key from standard input, never from an argument: other accounts can see
            arguments, and shells keep them.

            Examples:
              latchkey verify < /run/secrets/acme
              latchkey verify --json < /run/secrets/acme
            """
    )

    @Flag(help: "For programs: one JSON object, also for a key that is not valid.")
    var json = false

    @Argument(help: .hidden)
    var misplaced: [String] = []

    @OptionGroup var options: CallerOptions

    func perform() throws(AdministrationError) -> ExitCode {
        guard misplaced.isEmpty else { throw CommandLineCheck.misplacedKey }
        let keys = try options.context().keys
        let key = try Terminal.readSecret()
        let verification = try key.withSpan { key throws(AdministrationError) in
            try keys.verify(key)
        }
        let (result, organization) = Self.words(verification)
        if json {
            try Terminal.write(
                JSONText.object([
                    ("result", JSONText.string(result)),
                    ("organization", organization.map { JSONText.string($0.name) } ?? "null"),
                ]) + "\n"
            )
        }
        guard let organization else {
            throw AdministrationError(.notValid, "not valid: \(result)")
        }
        if !json { try Terminal.write("valid: \(organization)\n") }
        return .success
    }

    private static func words(_ verification: KeyVerification) -> (String, Organization?) {
        switch verification {
        case .malformed: ("malformed", nil)
        case .forged: ("forged", nil)
        case .issued(.revoked): ("revoked", nil)
        case .issued(.expired): ("expired", nil)
        case .issued(.valid(let organization)): ("valid", organization)
        }
    }
}

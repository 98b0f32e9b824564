import Administration
import ArgumentParser
import KeyFormat
import Keyring

struct Verify: LatchkeyCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say whose a key is, or that it is not valid.",
        discussion: """
            The key comes on standard input, never as an argument: others can see those.

            Example:
              latchkey verify < /run/secrets/acme
            """
    )

    @OptionGroup var options: CallerOptions

    func perform() throws(AdministrationError) {
        let administration = try options.administration()
        let key = try Terminal.readSecret()
        let verification = try key.withSpan { key throws(AdministrationError) in
            try administration.verify(key)
        }
        switch verification {
        case .malformed: throw AdministrationError(.notValid, "not valid: malformed")
        case .forged: throw AdministrationError(.notValid, "not valid: forged")
        case .issued(.revoked): throw AdministrationError(.notValid, "not valid: revoked")
        case .issued(.expired): throw AdministrationError(.notValid, "not valid: expired")
        case .issued(.valid(let organization)): try Terminal.write("valid: \(organization)\n")
        }
    }
}

import Administration
import Keyring

/// Reports a change that ends keys.
enum EndingReport {
    /// The words for a change that ends keys.
    struct Ending {
        /// `Revoked`
        let done: String
        /// `No gateway accepts the key`
        let holds: String
        /// `the key of acme was revoked`, which continues with `, but …`
        let change: String
        /// The key that may still be accepted: `it`
        let key: String
        /// What to do if the store has lost the change: `revoke it again`
        let remedy: String
    }

    /// Reports a change that ends keys.
    ///
    /// - Throws: An error if the change is not confirmed.
    static func report(_ confirmation: ConfirmationResult, of ending: Ending)
        throws(AdministrationError)
    {
        switch confirmation {
        case .confirmed(let since, let outcome):
            Terminal.say(ConfirmationText.notes(outcome))
            let holds = "\(ending.holds) as of \(TimeText.timeOfDay(since)) UTC."
            let copies = ConfirmationText.copies(outcome)
            Terminal.say(copies.reduce("\(ending.done). \(holds)") { "\($0) \($1)" })
        case .notAwaited:
            Terminal.say("\(ending.done). \(ConfirmationText.notAwaited)")
        case .unconfirmed(let uncertainty):
            throw ConfirmationText.error(
                for: uncertainty,
                change: ending.change,
                key: ending.key,
                remedy: ending.remedy
            )
        }
    }
}

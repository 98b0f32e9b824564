import Glibc
import KeyFormat
import Keyring

/// Puts a new pepper before those that there are, in one step.
public struct PepperRotation {
    private let configuration: Configuration

    /// - Parameter configuration: Names the pepper file.
    public init(_ configuration: Configuration) {
        self.configuration = configuration
    }

    /// What was done and what is to be done now, a line each.
    public func run() throws(AdministrationError) -> [String] {
        let path = configuration.pepperFile
        guard access(path, F_OK) == 0 || errno != ENOENT else { return try begin(path) }
        try replace(path, try secret())
        return [
            "added a pepper to \(path): new keys are made with it, those before go on",
            "now reload nginx, and take the file to every machine that has a gateway or latchkey; "
                + "until then, gateways there refuse what is made with it",
        ]
    }

    private func secret() throws(AdministrationError) -> SecretBytes {
        do throws(SecretFault) {
            let contents = try Secrets.pepperContents(configuration)
            let count = try Secrets.peppers(contents, configuration).peppers.count
            if count < PepperRing.countMax { return contents }
        } catch {
            throw AdministrationError(error)
        }
        throw AdministrationError(
            .data,
            "\(configuration.pepperFile) holds \(PepperRing.countMax) peppers already: take the last "
                + "line out first, which ends the keys made with it"
        )
    }

    private func replace(_ path: String, _ old: borrowing SecretBytes) throws(AdministrationError) {
        var status = stat()
        stat(path, &status)
        var file = try NewFile(path, mode: status.st_mode & 0o777, isReplacing: true)
        file.give(to: status.st_uid, status.st_gid)
        let new = PepperRing.makeContents()
        let contents = SecretBytes(capacity: new.count + old.count) { storage in
            new.withSpan { new in for index in 0..<new.count { storage[index] = new[index] } }
            old.withSpan { old in
                for index in 0..<old.count { storage[new.count + index] = old[index] }
            }
            return new.count + old.count
        }
        try contents.withSpan { contents throws(AdministrationError) in try file.keep(contents) }
    }

    /// Where the pepper is lost, everything begins anew.
    private func begin(_ path: String) throws(AdministrationError) -> [String] {
        var file = try NewFile(path, mode: 0o600)
        let contents = PepperRing.makeContents()
        try contents.withSpan { contents throws(AdministrationError) in try file.keep(contents) }
        return [
            "\(path) was not there: made a new one. No key made before works any more",
            "reload nginx; organizations begin anew with \"latchkey org remove\" and \"org add\"",
        ]
    }
}

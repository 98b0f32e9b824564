import Glibc
import KeyFormat
import Keyring

/// Puts a new pepper before the existing ones in the pepper file, atomically: every reader finds the old
/// contents or the new ones.
public struct PepperRotation {
    private let path: String

    /// - Parameter path: The pepper file, or a link to it.
    public init(_ path: String) {
        self.path = path
    }

    /// Rotates the pepper, or creates one if it is lost.
    ///
    /// - Returns: What was done and what to do next, a line each.
    /// - Throws: An error if the file was not changed.
    public func run() throws(AdministrationError) -> [String] {
        guard let resolved = realpath(path, nil) else {
            guard errno == ENOENT else { throw fault(errno) }
            return try begin()
        }
        defer { free(resolved) }
        let path = String(cString: resolved)
        let lock = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
        guard lock >= 0 else { throw fault(errno) }
        defer { close(lock) }
        let status = try lockedStatus(lock, path)
        let count = try rotate(path, status)
        return [
            "added a new pepper, the first of \(count) in \(path): keep a copy in a safe place",
            "now reload every gateway (nginx -s reload); until then, do not generate or revoke: "
                + "a gateway that was not reloaded does not trust such changes",
            "existing keys stay valid; \"latchkey doctor\" says which peppers are still needed",
        ]
    }

    /// Creates a pepper in place of a lost one.
    private func begin() throws(AdministrationError) -> [String] {
        var file = try NewFile(path, mode: 0o600)
        try PepperRing.makeContents().withSpan { contents throws(AdministrationError) in
            try file.commit(contents)
        }
        return [
            "\(path) did not exist: created a new pepper, with which no earlier key works; "
                + "keep a copy in a safe place",
            "now reload every gateway (nginx -s reload); organizations start over with "
                + "\"latchkey org remove\" and \"latchkey org add\"",
        ]
    }

    /// Locks the file: of two simultaneous rotations, one new pepper would be lost.
    private func lockedStatus(_ descriptor: Int32, _ path: String) throws(AdministrationError)
        -> stat
    {
        var status = stat()
        var current = stat()
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0, fstat(descriptor, &status) == 0,
            stat(path, &current) == 0,
            (current.st_dev, current.st_ino) == (status.st_dev, status.st_ino)
        else {
            throw AdministrationError(
                .data,
                "\(path) is being changed by another process; nothing was done: try again"
            )
        }
        return status
    }

    /// Writes the new pepper and the existing ones. Returns their number.
    private func rotate(_ path: String, _ status: stat) throws(AdministrationError) -> Int {
        let contents = try translating(try SecretFile.read(path)) { (fault: SecretFile.Fault) in
            AdministrationError(
                fault == .notPermitted(ownedByCaller: false) ? .notPermitted : .configuration,
                "\(path) \(fault)"
            )
        }
        let peppers = try translating(try PepperRing(contents: contents)) {
            (fault: PepperRing.Fault) in
            AdministrationError(.configuration, "\(path) \(fault)")
        }
        let count = peppers.peppers.count
        guard count < PepperRing.countMax else {
            throw AdministrationError(
                .data,
                "\(path) has \(count) peppers, the maximum; nothing was done: remove a line that "
                    + "\"latchkey doctor\" says is no longer needed"
            )
        }
        var file = try NewFile(path, mode: status.st_mode & 0o7777, isReplacing: true)
        guard file.give(to: status.st_uid, status.st_gid) else {
            throw AdministrationError(
                .notPermitted,
                "the new \(path) could not be given to its owner; nothing was done: run as root"
            )
        }
        try Self.afterNewSecret(contents).withSpan { contents throws(AdministrationError) in
            try file.commit(contents)
        }
        Self.keepFolder(of: path)
        return count + 1
    }

    private static func afterNewSecret(_ contents: borrowing SecretBytes) -> SecretBytes {
        let secret = PepperRing.makeContents()
        return SecretBytes(capacity: secret.count + contents.count) { file in
            secret.withSpan { file.append(contentsOf: $0) }
            contents.withSpan { file.append(contentsOf: $0) }
        }
    }

    /// The rename must survive a crash: keys are made with the new pepper from now on.
    private static func keepFolder(of path: String) {
        let descriptor = open(path.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }

    private func fault(_ number: Int32) -> AdministrationError {
        AdministrationError(
            number == EACCES || number == EPERM ? .notPermitted : .configuration,
            "\(path) cannot be rotated: \(String(cString: strerror(number)))"
        )
    }
}

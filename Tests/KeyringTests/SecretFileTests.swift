import Foundation
import KeyFormat
import RedisClient
import TestSupport
import Testing

@testable import Keyring

struct SecretFileTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = TemporaryFolder()
    }

    private func fault(_ path: String) -> SecretFile.Fault? {
        do throws(SecretFile.Fault) {
            _ = try SecretFile.read(path)
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: [0o400, 0o600, 0o640, 0o440, 0o660, 0o700, 0o770])
    func `a file that others may not access is read`(mode: Int) throws {
        let path = try folder.write("contents\n", to: "secret", mode: mode)
        let secret = try SecretFile.read(path)
        #expect(secret.bytes == Array("contents\n".utf8))
    }

    @Test(arguments: [0o604, 0o602, 0o601, 0o644, 0o666, 0o777, 0o607, 0o404])
    func `a file that others may access in any way is rejected`(mode: Int) throws {
        let path = try folder.write("contents\n", to: "secret", mode: mode)
        #expect(fault(path) == .readableByOthers)
    }

    @Test func `a file that this account may not read is rejected`() throws {
        let path = try folder.write("contents\n", to: "secret", mode: 0o000)
        let expected: SecretFile.Fault? = getuid() == 0 ? nil : .notPermitted(ownedByCaller: true)
        #expect(fault(path) == expected)
    }

    @Test func `a file that does not exist is missing`() throws {
        let file = try folder.write("", to: "file", mode: 0o600)
        #expect(fault(folder.path + "/nothing") == .missing)
        #expect(fault(file + "/below") == .missing)
        #expect(fault("") == .missing)
    }

    @Test func `anything but a regular file is rejected without blocking`() throws {
        let pipe = folder.path + "/pipe"
        #expect(mkfifo(pipe, 0o600) == 0)
        #expect(fault(pipe) == .notAFile)
        #expect(fault(folder.path) == .notAFile)
        #expect(fault("/dev/null") == .notAFile)
    }

    @Test func `a symbolic link is followed`() throws {
        let good = try folder.write("x", to: "good", mode: 0o600)
        let bad = try folder.write("x", to: "bad", mode: 0o644)
        let loop = folder.path + "/loop"
        try FileManager.default.createSymbolicLink(
            atPath: good + "-link",
            withDestinationPath: good
        )
        try FileManager.default.createSymbolicLink(atPath: bad + "-link", withDestinationPath: bad)
        try FileManager.default.createSymbolicLink(atPath: loop, withDestinationPath: loop)
        #expect(fault(good + "-link") == nil)
        #expect(fault(bad + "-link") == .readableByOthers)
        #expect(fault(loop) == .system(errno: ELOOP))
    }

    @Test func `a file has at most 16 KiB`() throws {
        let most = String(repeating: "x", count: SecretFile.lengthMax)
        let longest = try SecretFile.read(folder.write(most, to: "longest", mode: 0o600))
        #expect(longest.count == SecretFile.lengthMax)
        #expect(fault(try folder.write(most + "x", to: "longer", mode: 0o600)) == .tooLong)
        let empty = try SecretFile.read(folder.write("", to: "empty", mode: 0o600))
        #expect(empty.count == 0)
    }

    @Test func `each fault has its own message`() {
        let faults: [SecretFile.Fault] = [
            .missing, .notPermitted(ownedByCaller: true), .readableByOthers, .notAFile, .tooLong,
            .system(errno: EIO),
        ]
        #expect(Set(faults.map(\.description)).count == faults.count)
    }
}

struct SecretsTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = TemporaryFolder()
    }

    private func configuration(pepperFile: String) throws -> Configuration {
        try Configuration([Directive(name: "latchkey_pepper_file", values: [pepperFile])])
    }

    /// The fault of a pepper file.
    private func fault(pepperFile: String) throws -> SecretFault? {
        let configuration = try configuration(pepperFile: pepperFile)
        do throws(SecretFault) {
            _ = try Secrets.peppers(Secrets.pepperContents(configuration), configuration)
            return nil
        } catch {
            return error
        }
    }

    @Test func `a valid pepper file is a ring of peppers`() throws {
        let line = String(repeating: "0a", count: 32)
        #expect(try fault(pepperFile: folder.write("\(line)\n", to: "pepper", mode: 0o600)) == nil)
        #expect(
            try fault(pepperFile: folder.write("\(line)\n\(line)\n", to: "two", mode: 0o640)) == nil
        )
    }

    @Test func `an invalid pepper file is named with its directive`() throws {
        let line = String(repeating: "0a", count: 32)
        let files = [
            try folder.write("\(line)\n", to: "open", mode: 0o644),
            try folder.write("", to: "empty", mode: 0o600),
            try folder.write("\(line.dropLast(2))\n", to: "short", mode: 0o600),
            try folder.write(String(repeating: "\(line)\n", count: 9), to: "many", mode: 0o600),
            folder.path + "/missing",
        ]
        for file in files {
            let fault = try #require(try self.fault(pepperFile: file))
            #expect(fault.directive == "latchkey_pepper_file")
            #expect(fault.message.contains(file))
            #expect(!fault.message.contains("0a0a"))
            #expect(!fault.isForeign)
        }
    }

    /// The arguments of the `AUTH` command.
    private func command(_ contents: String) throws(SecretFault) -> [String] {
        let bytes = try Secrets.credentials(contents.secret).commandBytes
        let lines = String(decoding: bytes, as: UTF8.self).split(
            separator: "\r\n",
            omittingEmptySubsequences: false
        )
        return stride(from: 2, to: lines.count, by: 2).map { String(lines[$0]) }
    }

    @Test(arguments: [
        "gateway hunter2", "gateway hunter2\n", "gateway\thunter2\r\n", "  gateway   hunter2  \n\n",
    ])
    func `credentials are a user and a password`(contents: String) throws {
        #expect(try command(contents) == ["AUTH", "gateway", "hunter2"])
    }

    @Test(arguments: ["", "\n", "gateway", "gateway\n", "gateway hunter2 x"])
    func `anything else is rejected and not repeated`(contents: String) {
        do throws(SecretFault) {
            _ = try Secrets.credentials(contents.secret)
            Issue.record("taken for credentials")
        } catch {
            #expect(error.directive == "latchkey_store_auth")
            #expect(!error.message.contains("hunter2"))
            #expect(!error.message.contains("gateway"))
        }
    }

    @Test func `a password may contain any bytes except white space`() throws {
        let contents = Array("gateway \"p'w\\é".utf8) + [0xFF, 0x80]
        let credentials = try Secrets.credentials(SecretBytes(copying: contents.span))
        #expect(credentials.commandBytes.suffix(4) == [0xFF, 0x80, 0x0D, 0x0A])
    }
}

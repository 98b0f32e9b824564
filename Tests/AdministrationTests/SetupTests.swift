import Glibc
import Keyring
import TestSupport
import Testing

@testable import Administration

struct SetupTests {
    private let folder = TemporaryFolder()
    private var configurationFile: String { "\(folder.path)/etc/latchkey.conf" }

    private func setup(
        configuration: String? = nil,
        pepper: String? = nil,
        store: String = "unix:/run/redis.sock",
        account: String = "root"
    ) throws(AdministrationError) {
        _ = try Setup(
            configurationFile: configuration ?? configurationFile,
            pepperFile: pepper,
            store: store,
            account: Principal(account)!
        ).run()
    }

    @Test func `both files are created with their folders and the right permissions`() throws {
        try setup()
        #expect(folder.mode("etc") == 0o755)
        #expect(folder.mode("etc/latchkey.conf") == 0o644)
        #expect(folder.mode("etc/pepper") == 0o600)
        let configuration = try Configuration(file: configurationFile)
        #expect(configuration.topology.endpoints == [.unix(path: "/run/redis.sock")])
        #expect(configuration.pepperFile == "\(folder.path)/etc/pepper")
        #expect(configuration.operators == ["root"])
        #expect(try Secrets.pepperContents(configuration).count == 65)
    }

    @Test func `the account that runs the setup is an operator`() throws {
        try setup(account: "olga")
        #expect(try Configuration(file: configurationFile).operators == ["root", "olga"])
    }

    @Test(arguments: [
        "a b", "a;b", "a\"b", "a'b", "a\\b", "a{b}", "a#b", "#", "a\\\"", "\\;", "ü",
    ])
    func `a path with any characters is read back unchanged`(name: String) throws {
        let pepper = "\(folder.path)/\(name)/pepper"
        try setup(pepper: pepper)
        #expect(try Configuration(file: configurationFile).pepperFile == pepper)
        #expect(folder.mode("\(name)/pepper") == 0o600)
    }

    @Test func `existing files are never overwritten`() throws {
        try setup()
        let before = try [folder.text("etc/latchkey.conf"), folder.text("etc/pepper")]
        #expect(failure { try setup(store: "unix:/other.sock") } == .data)
        #expect(try [folder.text("etc/latchkey.conf"), folder.text("etc/pepper")] == before)
    }

    @Test func `an existing pepper is kept`() throws {
        try setup()
        let pepper = try folder.text("etc/pepper")
        unlink(configurationFile)
        try setup()
        #expect(try folder.text("etc/pepper") == pepper)
        #expect(folder.mode("etc/latchkey.conf") == 0o644)
    }

    @Test(arguments: ["http://127.0.0.1", "redis://", "unix:relative", ""])
    func `an invalid store is refused before anything is created`(store: String) {
        #expect(failure { try setup(store: store) } == .usage)
        #expect(folder.mode("etc") == nil)
    }
}

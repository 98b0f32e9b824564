import KeyFormat
import Keyring
import RedisClient
import TestSupport
import Testing

@testable import Gateway

struct GatewaySecretsTests {
    private let folder: TemporaryFolder
    private let pepper = String(repeating: "0a", count: 32)

    init() throws {
        folder = TemporaryFolder()
    }

    private func configuration(pepper: String, credentials: String? = nil) throws -> Configuration {
        let pepperFile = try folder.write(pepper, to: "pepper")
        var directives = [Directive(name: "latchkey_pepper_file", values: [pepperFile])]
        if let credentials {
            let file = try folder.write(credentials, to: "gateway")
            directives.append(Directive(name: "latchkey_store_auth", values: ["gateway=\(file)"]))
        }
        return try Configuration(directives)
    }

    private func packed(_ configuration: Configuration) throws -> [UInt8] {
        try GatewaySecrets.pack(configuration).withSpan { span in span.indices.map { span[$0] } }
    }

    private func unpacked(_ bytes: [UInt8], _ configuration: Configuration) throws -> GatewaySecrets
    {
        try GatewaySecrets(packed: SecretBytes(copying: bytes.span), configuration)
    }

    @Test func `secrets reach a worker unchanged`() throws {
        let other = String(repeating: "0b", count: 32)
        let configuration = try configuration(
            pepper: "\(pepper)\n\(other)\n",
            credentials: "gateway hunter2\n"
        )
        let secrets = try unpacked(packed(configuration), configuration)
        #expect(secrets.peppers.peppers.count == 2)
        #expect(secrets.credentials != nil)
    }

    @Test func `a store without a password needs no credentials`() throws {
        let configuration = try configuration(pepper: pepper)
        let secrets = try unpacked(packed(configuration), configuration)
        #expect(secrets.peppers.peppers.count == 1)
        #expect(secrets.credentials == nil)
    }

    @Test func `unusable secrets are refused before a worker starts`() throws {
        let short = try configuration(pepper: "0a0a")
        #expect(throws: SecretFault.self) { try packed(short) }
        let noPassword = try configuration(pepper: pepper, credentials: "gateway")
        #expect(throws: SecretFault.self) { try packed(noPassword) }
    }

    @Test(arguments: [nil, 0o644, 0o600] as [Int?])
    func `a private key of TLS exists, and not every account may access it`(mode: Int?) throws {
        let pepperFile = try folder.write(pepper, to: "pepper")
        let key =
            if let mode { try folder.write("key", to: "key", mode: mode) } else { "/none.key" }
        let configuration = try Configuration([
            Directive(name: "latchkey_pepper_file", values: [pepperFile]),
            Directive(name: "latchkey_store", values: ["rediss://h"]),
            Directive(name: "latchkey_store_tls", values: ["certificate=/c", "key=\(key)"]),
        ])
        guard mode != 0o600 else {
            _ = try packed(configuration)
            return
        }
        let fault = #expect(throws: SecretFault.self) { try packed(configuration) }
        #expect(fault?.directive == "latchkey_store_tls")
        #expect(fault?.message.contains(key) == true)
    }

    @Test func `truncated secrets are refused`() throws {
        let configuration = try configuration(pepper: pepper, credentials: "gateway hunter2\n")
        let bytes = try packed(configuration)
        for length in 0..<2 + pepper.utf8.count {
            #expect(throws: SecretFault.self) {
                try unpacked(Array(bytes.prefix(length)), configuration)
            }
        }
        for first in [0, 1, 0x7F, 0xFF] as [UInt8] {
            #expect(throws: SecretFault.self) {
                try unpacked([first, 0xFF] + bytes.dropFirst(2), configuration)
            }
        }
    }

    @Test func `the longest files fit into the buffer that C provides`() throws {
        let longest = 16_384
        let blanks = String(repeating: "\n", count: longest - pepper.utf8.count)
        let password = String(repeating: "x", count: longest - "gateway ".utf8.count)
        let configuration = try configuration(
            pepper: pepper + blanks,
            credentials: "gateway " + password
        )
        let bytes = try packed(configuration)
        #expect(bytes.count <= 65_536)
        #expect(try unpacked(bytes, configuration).credentials != nil)
    }
}

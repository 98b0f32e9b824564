import Testing

@testable import Keyring

struct NameTests {
    @Test(arguments: [
        "a", "0", ".", "_", "-", "acme", "Acme-2.org_x", String(repeating: "x", count: 64),
    ])
    func `an organization is 1 to 64 of A-Z a-z 0-9 . _ -`(name: String) throws {
        let organization = try #require(Organization(name))
        #expect(organization.name == name)
        #expect("\(organization)" == name)
        #expect(Organization(Array(name.utf8)) == organization)
    }

    @Test(arguments: [
        "", " ", "a b", "a/b", "a:b", "a@b", "a{b}", "a\n", "a\0", "é", "ａ", "a\u{301}", "a+b", "*",
        String(repeating: "x", count: 65), String(repeating: "x", count: 65_536),
    ])
    func `anything else is not an organization`(name: String) {
        #expect(Organization(name) == nil)
    }

    @Test func `exactly the allowed bytes may occur in an organization's name`() {
        let allowed = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-".utf8)
        for byte in UInt8.min...UInt8.max {
            #expect((Organization([byte]) != nil) == allowed.contains(byte))
        }
    }

    @Test(arguments: [
        "a", "root", "alice@example.org", "CN=x,O=y", "!", "~", String(repeating: "x", count: 128),
    ])
    func `a principal is 1 to 128 printable characters without spaces`(name: String) throws {
        let principal = try #require(Principal(name))
        #expect(principal.name == name)
        #expect("\(principal)" == name)
    }

    @Test(arguments: [
        "", " ", "a b", " a", "a ", "a\t", "a\n", "\0", "é", String(repeating: "x", count: 129),
    ])
    func `anything else is not a principal`(name: String) {
        #expect(Principal(name) == nil)
    }

    @Test func `exactly the printable bytes may occur in a principal's name`() {
        for byte in UInt8.min...UInt8.max {
            #expect((Principal([byte]) != nil) == (0x21...0x7E).contains(byte))
        }
    }

    @Test func `names are case-sensitive`() {
        #expect(Organization("acme") != Organization("Acme"))
        #expect(Organization("acme")?.locator != Organization("Acme")?.locator)
        #expect(Principal("alice") != Principal("Alice"))
    }
}

struct ClientAddressTests {
    @Test(arguments: [
        ("192.0.2.7", "192.0.2.7"), ("2001:DB8:0:0::1", "2001:db8::1"),
        ("::ffff:192.0.2.7", "::ffff:192.0.2.7"),
        ("::", "::"),
        (
            "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
        ),
    ])
    func `an address has one spelling`(text: String, address: String) {
        #expect(ClientAddress(text)?.description == address)
    }

    @Test(arguments: [
        "", "unix:", "localhost", "192.0.2.7:80", "192.0.2", "192.0.2.07 ", "[::1]", "fe80::1%eth0",
        "1 what=x",
        "::1\n", String(repeating: "1", count: 4096),
    ])
    func `anything else is none`(text: String) {
        #expect(ClientAddress(text) == nil)
    }
}
